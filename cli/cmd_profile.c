/* SPDX-License-Identifier: Apache-2.0 */
/** hyp profile list: the installations that this user has given names. */
#include <string.h>

#include "cli/table.h"

static const struct column columns[] = {
    {"NAME", "name", COLUMN_TEXT, false},
    {"USED", "used", COLUMN_BOOL, false},
    {"SERVER", "server", COLUMN_TEXT, false},
    {"KEY FILE", "key_file", COLUMN_TEXT, false},
    {"CONFIG DIR", "config_dir", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

struct profiles {
    const struct hyp *hyp;
    struct table *table;
    struct doc_out *out;
};

static void show(void *ctx, struct doc profile)
{
    struct profiles *profiles = ctx;
    const char *used = profiles->hyp->place.profile;
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_out_reset(profiles->out);
    doc_iter_init(&it, profile);
    while (doc_next(&it, &name, &value)) {
        doc_add_value(profiles->out, name, &value);
    }
    doc_add_bool(profiles->out, "used",
                 used != NULL &&
                     strcmp(doc_str(profile, "name", ""), used) == 0);
    table_add(profiles->table, doc_out_done(profiles->out));
}

int cmd_profile_list(struct hyp *hyp)
{
    struct profiles profiles = {hyp, table_new(hyp, columns), doc_out_new()};
    struct errbuf why = {0};
    enum err err = place_each(show, &profiles, &why);

    table_finish(profiles.table);
    table_free(profiles.table);
    doc_out_free(profiles.out);
    if (err != ERR_OK) {
        hyp_say("%s", why.text);
        return HYP_USAGE;
    }
    return HYP_DONE;
}
