/* SPDX-License-Identifier: Apache-2.0 */
/** What the option tables tell people: print, sample, help. */
#include <string.h>

#include "common/conf/conf_private.h"

bool conf_is_first_of_section(const struct conf *conf, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(conf->settings[j].option->section,
                   conf->settings[i].option->section) == 0) {
            return false;
        }
    }
    return true;
}

bool conf_is_first_of_key(const struct conf *conf, size_t i)
{
    const struct conf_option *o = conf->settings[i].option;

    for (size_t j = 0; j < i; j++) {
        const struct conf_option *other = conf->settings[j].option;

        if (strcmp(other->section, o->section) == 0 &&
            strcmp(other->key, o->key) == 0) {
            return false;
        }
    }
    return true;
}

typedef void setting_fn(const struct conf_setting *setting, struct buf *out);

/* Write each option of the i-th setting's section once. */
static void each_of_section(const struct conf *conf, size_t i, setting_fn *fn,
                            struct buf *out)
{
    const char *section = conf->settings[i].option->section;

    for (; i < conf->n; i++) {
        if (strcmp(conf->settings[i].option->section, section) == 0 &&
            conf_is_first_of_key(conf, i)) {
            fn(&conf->settings[i], out);
        }
    }
}

static void each_section(const struct conf *conf, const char *const *sections,
                         setting_fn *fn, struct buf *out)
{
    for (size_t i = 0; i < conf->n; i++) {
        const char *section = conf->settings[i].option->section;

        if (conf_is_first_of_section(conf, i) &&
            conf_has_name(sections, section)) {
            buf_addf(out, "%s[%s]\n", out->len > 0 ? "\n" : "", section);
            each_of_section(conf, i, fn, out);
        }
    }
}

static void print_one(const struct conf_setting *setting, struct buf *out)
{
    buf_addf(out, "%s = ", setting->option->key);
    conf_value_format(setting->option, setting->field, out);
    buf_addf(out, "  # %s\n", setting->origin);
}

void conf_print(const struct conf *conf, struct buf *out)
{
    each_section(conf, NULL, print_one, out);
}

static const char *fallback_of(const struct conf_option *option)
{
    return option->fallback != NULL ? option->fallback : "";
}

static void sample_one(const struct conf_setting *setting, struct buf *out)
{
    const struct conf_option *option = setting->option;

    buf_addf(out, "\n# %s\n# Expected: ", option->help);
    conf_value_expect(option, out);
    buf_addf(out, ".\n#%s =%s%s\n", option->key,
             fallback_of(option)[0] != '\0' ? " " : "", fallback_of(option));
}

void conf_sample_sections(const struct conf *conf, const char *title,
                          const char *const *sections, struct buf *out)
{
    buf_addf(out,
             "# %s\n#\n# Every key stands here with its default; take the # "
             "away to change one.\n",
             title);
    each_section(conf, sections, sample_one, out);
}

void conf_sample(const struct conf *conf, const char *title, struct buf *out)
{
    conf_sample_sections(conf, title, NULL, out);
}

static void help_one(const struct conf_setting *setting, struct buf *out)
{
    const struct conf_option *option = setting->option;

    buf_addf(out, "  %s = %s\n      %s\n      Expected: ", option->key,
             fallback_of(option), option->help);
    conf_value_expect(option, out);
    buf_add_str(out, ".\n");
}

void conf_help(const struct conf *conf, struct buf *out)
{
    each_section(conf, NULL, help_one, out);
}
