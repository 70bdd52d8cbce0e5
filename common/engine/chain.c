/* SPDX-License-Identifier: Apache-2.0 */
/** Chain time: marks with their send time travel behind the events. */
#include "common/engine/chain.h"

#include <stdio.h>
#include <string.h>

static struct chain_source *find(struct chain *chain, const char *stream,
                                 const char *sender)
{
    for (size_t i = 0; i < chain->n; i++) {
        struct chain_source *source = &chain->sources[i];

        if (strcmp(source->stream, stream) == 0 &&
            strcmp(source->sender, sender) == 0) {
            return source;
        }
    }
    return NULL;
}

static struct chain_source *add(struct chain *chain, const char *stream,
                                const char *sender)
{
    struct chain_source *source;

    BUG_IF(chain->n == CHAIN_SOURCES_MAX);
    source = &chain->sources[chain->n++];
    (void)snprintf(source->stream, sizeof source->stream, "%s", stream);
    (void)snprintf(source->sender, sizeof source->sender, "%s", sender);
    source->newest_ms = 0;
    return source;
}

void chain_mark(struct chain *chain, const char *stream, const char *sender,
                int64_t t_ms)
{
    struct chain_source *source = find(chain, stream, sender);
    int64_t since;

    if (source == NULL) {
        source = add(chain, stream, sender);
    }
    since = t_ms - source->newest_ms;
    if (source->newest_ms > 0 && since < 0 && since > -CHAIN_GAP_MS) {
        return; /* two cleaners' clocks, or a repeat: nothing new */
    }
    if (since > CHAIN_GAP_MS || since < 0) {
        chain->gap_ms = t_ms;
    }
    source->newest_ms = t_ms;
}

int64_t chain_ms(const struct chain *chain)
{
    int64_t least = 0;

    for (size_t i = 0; i < chain->n; i++) {
        int64_t t_ms = chain->sources[i].newest_ms;

        if (i == 0 || t_ms < least) {
            least = t_ms;
        }
    }
    return least;
}

void chain_add_members(const struct chain *chain, struct doc_out *out)
{
    doc_begin_array(out, "marks");
    for (size_t i = 0; i < chain->n; i++) {
        const struct chain_source *source = &chain->sources[i];

        doc_begin_doc(out, NULL);
        doc_add_str(out, "stream", source->stream);
        doc_add_str(out, "sender", source->sender);
        doc_add_i64(out, "t", source->newest_ms);
        doc_end(out);
    }
    doc_end(out);
    doc_add_i64(out, "gap", chain->gap_ms);
}

void chain_from_doc(struct chain *chain, struct doc progress)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    *chain = (struct chain){.gap_ms = doc_i64(progress, "gap", 0)};
    doc_iter_init(&it, doc_sub(progress, "marks"));
    while (doc_next(&it, &key, &value)) {
        struct chain_source *source =
            add(chain, doc_str(value.u.doc, "stream", ""),
                doc_str(value.u.doc, "sender", ""));

        source->newest_ms = doc_i64(value.u.doc, "t", 0);
    }
}
