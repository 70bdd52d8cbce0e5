/* SPDX-License-Identifier: Apache-2.0 */
/** hyp template check: is it understood, which names lead nowhere, and what
 *  would it give? */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/object_files.h"
#include "common/base/clock.h"
#include "common/event/event_json.h"
#include "common/rules/rules.h"
#include "common/template/template.h"

enum {
    EVENT_BYTES = 1024 * 1024,
    TEXT_BYTES = 1024 * 1024
};

struct checking {
    struct hyp *hyp;
    const struct template *tmpl;
    enum template_target target;
    size_t unknown;
    int code;
};

static const struct {
    const char *name;
    enum template_target target;
} targets[] = {
    {"text", TEMPLATE_TEXT},
    {"html", TEMPLATE_HTML},
    {"json", TEMPLATE_JSON},
    {"header", TEMPLATE_HEADER},
};

static int read_target(const struct hyp *hyp, enum template_target *target)
{
    const char *name = hyp_option(hyp, "target");

    *target = TEMPLATE_TEXT;
    if (name == NULL) {
        return HYP_DONE;
    }
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (strcmp(targets[i].name, name) == 0) {
            *target = targets[i].target;
            return HYP_DONE;
        }
    }
    hyp_say("--target: expected one of text, html, json, header");
    return HYP_USAGE;
}

/* In a section a name may be a member of what that is about. */
static void check_name(void *ctx, const char *name, bool inside)
{
    struct checking *checking = ctx;

    if (rules_template_knows(name) || (inside && strchr(name, '.') == NULL)) {
        return;
    }
    checking->unknown++;
    hyp_say("%s: no event has it by itself: it gives nothing, unless a sender "
            "adds it",
            name);
}

static void print_event(void *ctx, uint32_t index, const struct event *event)
{
    struct checking *checking = ctx;
    /* borrowed for reading alone */
    const struct template_source source = {(void *)(uintptr_t)event,
                                           rules_template_get};
    struct buf out;

    (void)index;
    buf_init(&out, TEXT_BYTES);
    if (template_render(checking->tmpl, &source, checking->target, &out) ==
        ERR_OK) {
        (void)printf("%s\n", buf_str(&out));
    } else {
        hyp_say("it gives more text than it may");
        checking->code = HYP_REFUSED;
    }
    buf_fini(&out);
}

static void tell_refused(void *ctx, uint32_t index, const char *text,
                         size_t len, const struct errbuf *why)
{
    struct checking *checking = ctx;

    (void)index;
    (void)text;
    (void)len;
    hyp_say("the event: %s", why->text);
    checking->code = HYP_REFUSED;
}

static void print_for(struct checking *checking, const char *text, size_t len)
{
    const struct event_sink sink = {checking, print_event, tell_refused};
    struct event_parser *parser = event_parser_new(&event_limits_default);

    (void)event_parse(parser, text, len, clock_now_ms(), &sink);
    event_parser_free(parser);
}

static int print_given(struct checking *checking)
{
    const char *json = hyp_option(checking->hyp, "json");
    const char *file = hyp_option(checking->hyp, "event");
    struct buf text;

    if (json != NULL) {
        print_for(checking, json, strlen(json));
        return checking->code;
    }
    if (file == NULL) {
        return HYP_DONE;
    }
    buf_init(&text, EVENT_BYTES);
    if (object_files_read(file, &text)) {
        print_for(checking, buf_str(&text), text.len);
    } else {
        checking->code = HYP_USAGE;
    }
    buf_fini(&text);
    return checking->code;
}

static int check(struct hyp *hyp, const char *text, size_t len)
{
    struct checking checking = {.hyp = hyp, .code = HYP_DONE};
    struct errbuf why = {0};
    struct template *tmpl;
    int code = read_target(hyp, &checking.target);

    if (code != HYP_DONE) {
        return code;
    }
    if (template_parse(text, len, &tmpl, &why) != ERR_OK) {
        hyp_say("%s", why.text);
        return HYP_REFUSED;
    }
    checking.tmpl = tmpl;
    template_each_name(tmpl, check_name, &checking);
    code = print_given(&checking);
    template_free(tmpl);
    return code == HYP_DONE && checking.unknown > 0 ? HYP_PARTLY : code;
}

int cmd_template_check(struct hyp *hyp)
{
    const char *file = hyp_option(hyp, "file");
    struct buf text;
    int code = HYP_USAGE;

    if ((file != NULL) == (hyp->args.n > 0)) {
        hyp_say("which template? Give it, or --file FILE");
        return HYP_USAGE;
    }
    if (file == NULL) {
        return check(hyp, hyp->args.words[0], strlen(hyp->args.words[0]));
    }
    buf_init(&text, TEXT_BYTES);
    if (object_files_read(file, &text)) {
        code = check(hyp, buf_str(&text), text.len);
    }
    buf_fini(&text);
    return code;
}
