/* SPDX-License-Identifier: Apache-2.0 */
/** hyp filter check, hyp version. */
#include "config.h"

#include <stdio.h>

#include "cli/call.h"
#include "common/filter/filter.h"

enum {
    EXPLAIN_MAX = 1024 * 1024
};

int cmd_filter_check(struct hyp *hyp)
{
    struct filter *filter;
    struct errbuf why = {0};
    struct buf out;

    if (filter_parse(hyp->args.words[0], &filter, &why) != ERR_OK) {
        hyp_say("%s", why.text);
        return HYP_REFUSED;
    }
    buf_init(&out, EXPLAIN_MAX);
    if (hyp->format == FORMAT_JSON) {
        filter_format(filter, &out);
        buf_add_char(&out, '\n');
    } else {
        filter_explain(filter, &out);
    }
    (void)fputs(buf_str(&out), stdout);
    buf_fini(&out);
    filter_free(filter);
    return HYP_DONE;
}

int cmd_version(struct hyp *hyp)
{
    struct api_answer answer;
    struct errbuf why = {0};

    (void)printf("hyp %s\n", PACKAGE_VERSION);
    const struct api_request request = {.path = "/api/v1/version"};

    if (api_call(&hyp->api, &request, &answer, &why) == ERR_OK &&
        answer.doc.len > 0) {
        (void)printf("server %s (%s)\n", doc_str(answer.doc, "version", "?"),
                     hyp->api.url);
    } else {
        (void)printf("server not reached (%s)\n", hyp->api.url);
    }
    api_answer_fini(&answer);
    return HYP_DONE;
}
