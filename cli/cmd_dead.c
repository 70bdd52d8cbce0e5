/* SPDX-License-Identifier: Apache-2.0 */
/** hyp dead: what was refused, to be looked at, given again or deleted. */
#include <stdlib.h>
#include <string.h>

#include "cli/acting.h"
#include "common/base/file.h"

enum {
    EDITED_MAX = 64 * 1024,
    EXTRA_MAX = 8 * EDITED_MAX /* escaped */
};

#define DEAD "/api/v1/dead"

static const struct column dead_columns[] = {
    {"AT", "at", COLUMN_TIME, false},
    {"ENGINE", "engine", COLUMN_TEXT, false},
    {"FIELD", "field", COLUMN_TEXT, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {"REPLAYED", "replayed_by", COLUMN_TEXT, false},
    {"ROUTING KEY", "routing_key", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column dead_details[] = {
    {"ID", "id", COLUMN_TEXT, false},
    {"AT", "at", COLUMN_TIME, false},
    {"ENGINE", "engine", COLUMN_TEXT, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {"FIELD", "field", COLUMN_TEXT, false},
    {"ROUTING KEY", "routing_key", COLUMN_TEXT, false},
    {"POSITION", "position", COLUMN_TEXT, false},
    {"BYTES", "body_bytes", COLUMN_TEXT, false},
    {"REPLAYABLE", "replayable", COLUMN_BOOL, false},
    {"REPLAYED AT", "replayed_at", COLUMN_TIME, false},
    {"REPLAYED BY", "replayed_by", COLUMN_TEXT, false},
    {"REPLAYED TO", "replayed_to", COLUMN_TEXT, false},
    {"BODY", "body", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

int cmd_dead_list(struct hyp *hyp)
{
    return listing_show(hyp, DEAD, dead_columns);
}

int cmd_dead_show(struct hyp *hyp)
{
    return listing_show_one(hyp, DEAD, dead_details);
}

static const struct column count_columns[] = {
    {"ENGINE", "engine", COLUMN_TEXT, false},
    {"FIELD", "field", COLUMN_TEXT, false},
    {"TOTAL", "total", COLUMN_NUMBER, false},
    {"KEPT", "kept", COLUMN_NUMBER, false},
    {"LAST", "last_at", COLUMN_AGE, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {"ID", "id", COLUMN_TEXT, true},
    {NULL, NULL, COLUMN_TEXT, false},
};

int cmd_dead_count(struct hyp *hyp)
{
    return listing_show(hyp, DEAD "/counts", count_columns);
}

#define ON_LETTERS(what)                                                       \
    .path = DEAD, .post = "/" what, .type = (what), .one = "dead letter",      \
    .many = "dead letters", .and_more = "", .columns = dead_columns,           \
    .find = acting_take_id

static const struct acting replay = {
    ON_LETTERS("replay"),
    .all = "{\"replayed_at\":{\"$exists\":false}}",
};

static const struct acting purge = {ON_LETTERS("purge")};

int cmd_dead_purge(struct hyp *hyp)
{
    return acting_do(hyp, &purge);
}

/* With the body of a file in the place of the one that was refused. */
static int replay_edited(struct hyp *hyp, const char *path)
{
    struct acting edited = replay;
    struct errbuf why = {0};
    struct buf body, extra;
    int code = HYP_USAGE;

    buf_init(&body, EDITED_MAX);
    buf_init(&extra, EXTRA_MAX);
    if (hyp->args.n != 1) {
        hyp_say("--body stands for one dead letter: give its id");
    } else if (file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &body,
                         &why) != ERR_OK) {
        hyp_say("%s", why.text);
    } else {
        acting_add_text(&extra, "body", buf_str(&body));
        edited.extra = buf_str(&extra);
        code = acting_do(hyp, &edited);
    }
    buf_fini(&extra);
    buf_fini(&body);
    return code;
}

int cmd_dead_replay(struct hyp *hyp)
{
    const char *path = hyp_option(hyp, "body");

    return path != NULL ? replay_edited(hyp, path) : acting_do(hyp, &replay);
}
