/* SPDX-License-Identifier: Apache-2.0 */
/** What hyp tells of itself: its settings, its manual page. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>
#include <stdlib.h>

#include "cli/about.h"
#include "common/conf/man.h"

enum {
    PAGE_MAX = 256 * 1024,
    USAGE_MAX = 256,
    TAG_MAX = 64
};

const char about_where[] =
    "On the machine that runs the suite no login is needed: address and\n"
    "key are read from " HYP_SYSCONFDIR ".\n"
    "Elsewhere: --server URL --key-file FILE, the variables HYP_SERVER and\n"
    "HYP_KEY_FILE, or --profile NAME (or HYP_PROFILE) of\n"
    "~/.config/hyp/profiles.conf.\n";
const char about_exits[] =
    "0 done, 1 refused, 2 wrong usage, 3 cannot reach, 4 partly refused.";

static void print_config(const struct hyp *hyp, const struct api *api)
{
    const struct place *place = &hyp->place;

    printf("config_dir = %s  # %s\n", place_folder(place),
           place->origins[PLACE_FOLDER]);
    printf("server = %s  # %s\n", api->url, place->origins[PLACE_SERVER]);
    printf("key_file = %s  # %s%s\n", api->key_file,
           place->origins[PLACE_KEY_FILE],
           api->key != NULL ? "" : ", cannot be read");
}

struct api_place about_place(const struct hyp *hyp)
{
    char *const *values = hyp->place.values;

    return (struct api_place){values[PLACE_SERVER], values[PLACE_KEY_FILE],
                              values[PLACE_FOLDER]};
}

static int look_at_config(const struct hyp *hyp)
{
    const struct api_place place = about_place(hyp);
    struct errbuf why = {0};
    struct api api;
    int code = HYP_DONE;

    if (api_open(&api, &place, &why) != ERR_OK) {
        hyp_say("%s", why.text);
        code = HYP_REFUSED;
    } else if (hyp_has(hyp, "print-config")) {
        print_config(hyp, &api);
    } else if (api.key == NULL) {
        hyp_say("%s: no key can be read there", api.key_file);
        code = HYP_REFUSED;
    } else {
        printf("hyp: the configuration is good\n");
    }
    api_close(&api);
    return code;
}

/* The manual page. */

static void man_options(const char *list, struct buf *out)
{
    for (const struct option_info *o = options; o->name != NULL; o++) {
        char tag[TAG_MAX];

        if (!args_listed(list, o->name)) {
            continue;
        }
        if (o->letter != 0) {
            (void)snprintf(tag, sizeof tag, "-%c, --%s", o->letter, o->name);
        } else {
            (void)snprintf(tag, sizeof tag, "--%s", o->name);
        }
        man_item(out, tag, o->value, o->help);
    }
}

static void man_command(const struct command *command, struct buf *out)
{
    char title[USAGE_MAX];

    (void)snprintf(title, sizeof title, "hyp %s%s%s%s%s",
                   command->group != NULL ? command->group : "",
                   command->group != NULL ? " " : "", command->name,
                   command->usage[0] != '\0' ? " " : "", command->usage);
    man_subsection(out, title);
    man_text(out, command->summary);
    if (command->help != NULL) {
        man_lines(out, command->help);
    }
    man_options(command->options, out);
}

static int print_manual(void)
{
    struct buf out;

    buf_init(&out, PAGE_MAX);
    man_begin(&out, "hyp", 1, HYP_SUMMARY);
    man_section(&out, "SYNOPSIS");
    man_lines(&out, "hyp COMMAND [arguments] [options]");
    man_section(&out, "DESCRIPTION");
    man_text(&out, about_where);
    man_section(&out, "OPTIONS OF EVERY COMMAND");
    man_options(HYP_COMMON_OPTIONS, &out);
    man_section(&out, "OPTIONS WITHOUT A COMMAND");
    man_options(ABOUT_OPTIONS, &out);
    man_section(&out, "COMMANDS");
    for (const struct command *c = commands; c->name != NULL; c++) {
        man_command(c, &out);
    }
    man_section(&out, "EXIT STATUS");
    man_text(&out, about_exits);
    man_section(&out, "SEE ALSO");
    man_text(&out, "hypcontrol(8), service(8), webserver(8)");
    (void)fwrite(buf_str(&out), 1, out.len, stdout);
    buf_fini(&out);
    return HYP_DONE;
}

bool about_tell(struct hyp *hyp, int *code)
{
    const char *stranger =
        args_stranger(&hyp->args, ABOUT_OPTIONS " " HYP_COMMON_OPTIONS);

    if (!hyp_has(hyp, "check-config") && !hyp_has(hyp, "print-config") &&
        !hyp_has(hyp, "man") && !hyp_has(hyp, "version")) {
        return false;
    }
    if (stranger != NULL || hyp->args.n > 0) {
        hyp_say("usage: hyp --check-config|--print-config|--man|--version");
        *code = HYP_USAGE;
    } else if (hyp_has(hyp, "man")) {
        *code = print_manual();
    } else if (hyp_has(hyp, "version")) {
        printf("hyp %s\n", PACKAGE_VERSION);
        *code = HYP_DONE;
    } else {
        *code = look_at_config(hyp);
    }
    return true;
}
