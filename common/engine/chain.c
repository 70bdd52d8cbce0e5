/* SPDX-License-Identifier: Apache-2.0 */
/** Chain time: marks with their send time travel behind the events. */
#include "common/engine/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    SOURCES_FIRST = 16
};

void chain_fini(struct chain *chain)
{
    free(chain->sources);
    *chain = (struct chain){.n = 0};
}

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

    if (chain->n == chain->cap) {
        chain->cap = chain->cap > 0 ? 2 * chain->cap : SOURCES_FIRST;
        chain->sources =
            xrealloc_array(chain->sources, chain->cap, sizeof *source);
    }
    source = &chain->sources[chain->n++];
    *source = (struct chain_source){.newest_ms = 0};
    (void)snprintf(source->stream, sizeof source->stream, "%s", stream);
    (void)snprintf(source->sender, sizeof source->sender, "%s", sender);
    return source;
}

/* The partitions that a stream went through: "" or "/<p>[/<p>...]". */
static const char *way_of(const char *stream)
{
    return stream + strcspn(stream, (char[]){ENVELOPE_SPLIT_MARK, '\0'});
}

/* The same sender's older stream; or the same stream through a sender that
 * stood here before the chain was changed. */
static bool is_replaced(const struct chain_source *source,
                        const struct chain_mark *mark)
{
    if (mark->queue[0] == '\0' || strcmp(source->queue, mark->queue) != 0) {
        return false;
    }
    return strcmp(source->stream, mark->stream) == 0 ||
           (strcmp(source->sender, mark->sender) == 0 &&
            strcmp(way_of(source->stream), way_of(mark->stream)) == 0);
}

static void retire_older(struct chain *chain, const struct chain_mark *mark)
{
    size_t kept = 0;

    for (size_t i = 0; i < chain->n; i++) {
        if (!is_replaced(&chain->sources[i], mark)) {
            chain->sources[kept++] = chain->sources[i];
        }
    }
    chain->n = kept;
}

void chain_mark(struct chain *chain, const struct chain_mark *mark)
{
    struct chain_source *source = find(chain, mark->stream, mark->sender);
    int64_t since;

    if (source == NULL) {
        retire_older(chain, mark);
        source = add(chain, mark->stream, mark->sender);
    }
    (void)snprintf(source->queue, sizeof source->queue, "%s", mark->queue);
    since = mark->t_ms - source->newest_ms;
    if (source->newest_ms > 0 && since < 0 && since > -CHAIN_GAP_MS) {
        return; /* two cleaners' clocks, or a repeat: nothing new */
    }
    if (since > CHAIN_GAP_MS || since < 0) {
        chain->gap_ms = mark->t_ms;
    }
    source->newest_ms = mark->t_ms;
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
        doc_add_str(out, "queue", source->queue);
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

    chain_fini(chain);
    chain->gap_ms = doc_i64(progress, "gap", 0);
    doc_iter_init(&it, doc_sub(progress, "marks"));
    while (doc_next(&it, &key, &value)) {
        struct chain_source *source =
            add(chain, doc_str(value.u.doc, "stream", ""),
                doc_str(value.u.doc, "sender", ""));

        (void)snprintf(source->queue, sizeof source->queue, "%s",
                       doc_str(value.u.doc, "queue", ""));
        source->newest_ms = doc_i64(value.u.doc, "t", 0);
    }
}
