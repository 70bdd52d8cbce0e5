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

const char *conf_fallback(const struct conf_option *option)
{
    return option->fallback != NULL ? option->fallback : "";
}

void conf_each(const struct conf *conf, const char *const *sections,
               conf_section_fn *on_section, conf_setting_fn *on_setting,
               void *ctx)
{
    for (size_t i = 0; i < conf->n; i++) {
        const char *section = conf->settings[i].option->section;

        if (!conf_is_first_of_section(conf, i) ||
            !conf_has_name(sections, section)) {
            continue;
        }
        on_section(ctx, section);
        for (size_t j = i; j < conf->n; j++) {
            if (strcmp(conf->settings[j].option->section, section) == 0 &&
                conf_is_first_of_key(conf, j)) {
                on_setting(ctx, &conf->settings[j]);
            }
        }
    }
}

static void add_section(void *ctx, const char *section)
{
    struct buf *out = ctx;

    buf_addf(out, "%s[%s]\n", out->len > 0 ? "\n" : "", section);
}

static void print_one(void *ctx, const struct conf_setting *setting)
{
    struct buf *out = ctx;

    buf_addf(out, "%s = ", setting->option->key);
    conf_value_format(setting->option, setting->field, out);
    buf_addf(out, "  # %s\n", setting->origin);
}

void conf_print(const struct conf *conf, struct buf *out)
{
    conf_each(conf, NULL, add_section, print_one, out);
}

/* What was set stands there as a value, the rest as a comment. */
static void sample_one(void *ctx, const struct conf_setting *setting)
{
    const struct conf_option *option = setting->option;
    const char *value =
        setting->text != NULL ? setting->text : conf_fallback(option);
    struct buf *out = ctx;

    buf_addf(out, "\n# %s\n# Expected: ", option->help);
    conf_value_expect(option, out);
    buf_addf(out, ".%s\n%s%s =%s%s\n", option->live ? " Reload: yes." : "",
             setting->text != NULL ? "" : "#", option->key,
             value[0] != '\0' ? " " : "", value);
}

void conf_sample_sections(const struct conf *conf, const char *title,
                          const char *const *sections, struct buf *out)
{
    buf_addf(out,
             "# %s\n#\n# Every key stands here with its default; take the # "
             "away to change one.\n",
             title);
    conf_each(conf, sections, add_section, sample_one, out);
}

void conf_sample(const struct conf *conf, const char *title, struct buf *out)
{
    conf_sample_sections(conf, title, NULL, out);
}

static void help_one(void *ctx, const struct conf_setting *setting)
{
    const struct conf_option *option = setting->option;
    struct buf *out = ctx;

    buf_addf(out, "  %s = %s\n      %s\n      Expected: ", option->key,
             conf_fallback(option), option->help);
    conf_value_expect(option, out);
    buf_add_str(out, option->live ? ". Reload: yes.\n" : ".\n");
}

void conf_help(const struct conf *conf, struct buf *out)
{
    conf_each(conf, NULL, add_section, help_one, out);
}
