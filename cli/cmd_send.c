/* SPDX-License-Identifier: Apache-2.0 */
/** hyp send: events from the command line, a file or standard input. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/amqp_sender.h"
#include "cli/call.h"
#include "cli/table.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    POST_BYTES = 2 * 1024 * 1024,
    POST_LINES = 5000,
    LINE_BYTES = 4 * 1024 * 1024
};

/* What was accepted and refused of all that was sent. */
struct sending {
    struct hyp *hyp;
    int64_t accepted, refused, unconfirmed;
    size_t sent; /* items before the present body, for their numbers */
    struct amqp_sender *amqp; /* NULL: by the API */
    int code;                 /* HYP_DONE until nothing more can be sent */
};

/* The reason names the field itself, as a rule. */
static void tell_refusal(int64_t index, const char *field, const char *reason)
{
    bool named = str_starts(reason, field);

    hyp_say("event %lld: %s%s%s", (long long)index + 1, named ? "" : field,
            named ? "" : ": ", reason);
}

static void print_refusal(const struct sending *sending, struct doc item)
{
    int64_t index = doc_i64(item, "index", 0) + (int64_t)sending->sent;

    tell_refusal(index, doc_str(item, "field", ""),
                 doc_str(item, "reason", "refused"));
}

static void take_item(struct sending *sending, struct doc item)
{
    enum hyp_format format = sending->hyp->format;
    const char *status = doc_str(item, "status", "");

    if (strcmp(status, "unconfirmed") == 0) {
        sending->unconfirmed++; /* told once, for all */
    } else if (strcmp(status, "accepted") == 0) {
        sending->accepted++;
    } else {
        sending->refused++;
    }
    if (format == FORMAT_JSON) {
        struct buf line;

        buf_init(&line, POST_BYTES);
        doc_to_json(item, &line);
        (void)printf("%s\n", buf_str(&line));
        buf_fini(&line);
    } else if (strcmp(status, "refused") == 0) {
        print_refusal(sending, item);
    } else if (format == FORMAT_NAME && strcmp(status, "accepted") == 0) {
        (void)printf("%s\n", doc_str(item, "id", ""));
    }
}

static void take_items(struct sending *sending, struct doc answer)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    size_t n = 0;

    doc_iter_init(&it, doc_sub(answer, "items"));
    for (; doc_next(&it, &key, &value); n++) {
        take_item(sending, value.u.doc);
    }
    sending->sent += n;
}

static void on_amqp_item(void *ctx, size_t index, const struct errbuf *why)
{
    struct sending *sending = ctx;

    if (why == NULL) {
        sending->accepted++;
        return;
    }
    sending->refused++;
    tell_refusal((int64_t)(index + sending->sent), why->field, why->text);
}

static void send_by_amqp(struct sending *sending, const struct buf *body)
{
    size_t n = 0;

    if (amqp_sender_send(sending->amqp, body, on_amqp_item, sending, &n) !=
        ERR_OK) {
        sending->code = HYP_UNREACHABLE;
    }
    sending->sent += n;
}

static void send_by_api(struct sending *sending, const struct buf *body)
{
    struct api_answer answer;
    bool any;

    sending->code = call_any(sending->hyp, "/api/v1/events", body, &answer);
    if (sending->code != HYP_DONE) {
        return;
    }
    any = doc_count(doc_sub(answer.doc, "items")) > 0;
    take_items(sending, answer.doc);
    if (!any) {
        int code = call_tell_problem(sending->hyp, &answer);

        sending->refused += code == HYP_REFUSED ? 1 : 0;
        sending->code = code == HYP_REFUSED ? HYP_DONE : code;
    } else if (sending->unconfirmed > 0) {
        hyp_say("the message broker went away: %lld events are not confirmed, "
                "they may or may not have arrived",
                (long long)sending->unconfirmed);
        sending->code = HYP_UNREACHABLE;
    }
    api_answer_fini(&answer);
}

static void send_body(struct sending *sending, const struct buf *body)
{
    if (sending->code != HYP_DONE || body->len == 0) {
        return;
    }
    if (sending->amqp != NULL) {
        send_by_amqp(sending, body);
    } else {
        send_by_api(sending, body);
    }
}

/* Lines are put together to bodies of a few MiB. */
static int send_lines(struct sending *sending, FILE *in)
{
    struct buf body;
    char *line = NULL;
    size_t cap = 0;
    size_t lines = 0;
    ssize_t len;

    buf_init(&body, POST_BYTES + LINE_BYTES);
    while (sending->code == HYP_DONE && (len = getline(&line, &cap, in)) >= 0) {
        if ((size_t)len > LINE_BYTES) {
            hyp_say("a line is longer than %d bytes", LINE_BYTES);
            sending->code = HYP_USAGE;
            break;
        }
        buf_add(&body, line, (size_t)len);
        if (body.len >= POST_BYTES || ++lines == POST_LINES) {
            send_body(sending, &body);
            buf_clear(&body);
            lines = 0;
        }
    }
    send_body(sending, &body);
    free(line);
    buf_fini(&body);
    return sending->code;
}

/* An array, or an object over several lines, is read whole. */
static int send_whole(struct sending *sending, FILE *in)
{
    struct buf body;
    size_t n;

    buf_init(&body, LINE_BYTES);
    do {
        char chunk[8192];

        n = fread(chunk, 1, sizeof chunk, in);
        buf_add(&body, chunk, n);
    } while (n > 0 && !body.overflow);
    if (body.overflow) {
        hyp_say("more than %d MiB in one array: send one event a line",
                LINE_BYTES / 1024 / 1024);
        sending->code = HYP_USAGE;
    } else {
        send_body(sending, &body);
    }
    buf_fini(&body);
    return sending->code;
}

/* NDJSON ends its first line with the end of its first object. */
static int send_stream(struct sending *sending, FILE *in)
{
    int c = getc(in);

    while (c != EOF && isspace(c)) {
        c = getc(in);
    }
    if (c == EOF) {
        hyp_say("there is nothing to send");
        return HYP_USAGE;
    }
    (void)ungetc(c, in);
    return c == '{' ? send_lines(sending, in) : send_whole(sending, in);
}

static int send_file(struct sending *sending, const char *path)
{
    FILE *in;
    int code;

    if (strcmp(path, "-") == 0) {
        return send_stream(sending, stdin);
    }
    in = fopen(path, "re");
    if (in == NULL) {
        hyp_say("%s: %s", path, strerror(errno));
        return HYP_USAGE;
    }
    code = send_stream(sending, in);
    (void)fclose(in);
    return code;
}

static bool is_number_key(const char *key, size_t len)
{
    static const char *const keys[] = {"state", "state_type", "timestamp",
                                       "ttl",   "duration",   NULL};

    for (size_t i = 0; keys[i] != NULL; i++) {
        if (strlen(keys[i]) == len && strncmp(keys[i], key, len) == 0) {
            return true;
        }
    }
    return false;
}

static void add_text(struct buf *out, const char *text, size_t len)
{
    struct doc_value value = {.type = DOC_STRING};
    char *copy = xstrndup(text, len);

    value.u.s.text = copy;
    value.u.s.len = (uint32_t)len;
    doc_value_to_json(&value, out);
    free(copy);
}

/* One key=value as a member: numbers where the field is one, JSON where the
 * value looks like an object or array, else text. */
static bool add_pair(struct buf *out, const char *pair)
{
    const char *equal = strchr(pair, '=');
    const char *value;
    double number;

    if (equal == NULL || equal == pair || !utf8_valid(pair, strlen(pair))) {
        hyp_say("'%s': expected key=value in UTF-8", pair);
        return false;
    }
    value = equal + 1;
    buf_add_char(out, out->len > 0 ? ',' : '{');
    add_text(out, pair, (size_t)(equal - pair));
    buf_add_char(out, ':');
    if ((is_number_key(pair, (size_t)(equal - pair)) &&
         str_to_double(value, &number) == ERR_OK) ||
        value[0] == '{' || value[0] == '[') {
        buf_add_str(out, value);
    } else {
        add_text(out, value, strlen(value));
    }
    return true;
}

static bool has_key(const struct args *args, const char *key)
{
    size_t len = strlen(key);

    for (size_t i = 0; i < args->n; i++) {
        if (strncmp(args->words[i], key, len) == 0 &&
            args->words[i][len] == '=') {
            return true;
        }
    }
    return false;
}

static bool write_pairs(const struct args *args, struct buf *body)
{
    static const char *const defaults[][2] = {
        {"connector", "connector=cli"},
        {"connector_name", "connector_name=hyp"}};

    for (size_t i = 0; i < args->n; i++) {
        if (!add_pair(body, args->words[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (!has_key(args, defaults[i][0])) {
            (void)add_pair(body, defaults[i][1]);
        }
    }
    buf_add_char(body, '}');
    return true;
}

static int send_pairs(struct sending *sending)
{
    struct buf body;
    int code = HYP_USAGE;

    buf_init(&body, LINE_BYTES);
    if (write_pairs(&sending->hyp->args, &body)) {
        send_body(sending, &body);
        code = sending->code;
    }
    buf_fini(&body);
    return code;
}

static int send_json(struct sending *sending, const char *json)
{
    struct buf body;

    buf_init(&body, LINE_BYTES);
    buf_add_str(&body, json);
    send_body(sending, &body);
    buf_fini(&body);
    return sending->code;
}

static int finish(const struct sending *sending)
{
    enum hyp_format format = sending->hyp->format;

    if (format != FORMAT_JSON && format != FORMAT_NAME &&
        sending->accepted + sending->refused > 0) {
        (void)printf("%lld accepted, %lld refused\n",
                     (long long)sending->accepted, (long long)sending->refused);
    }
    if (sending->code != HYP_DONE) {
        return sending->code;
    }
    if (sending->refused == 0) {
        return HYP_DONE;
    }
    return sending->accepted > 0 ? HYP_PARTLY : HYP_REFUSED;
}

int cmd_send(struct hyp *hyp)
{
    struct sending sending = {.hyp = hyp};
    const char *file = hyp_option(hyp, "file");
    const char *json = hyp_option(hyp, "json");
    int code;

    if ((file != NULL) + (json != NULL) + (hyp->args.n > 0) > 1) {
        hyp_say("give one of --file, --json and key=value");
        return HYP_USAGE;
    }
    if (file == NULL && json == NULL && hyp->args.n == 0 &&
        isatty(STDIN_FILENO) == 1) {
        hyp_say("what? key=value ..., --json JSON, --file FILE, or events on "
                "standard input; 'hyp send --help' has examples");
        return HYP_USAGE;
    }
    if (hyp_has(hyp, "amqp")) {
        sending.amqp = amqp_sender_open(place_folder(&hyp->place),
                                        hyp_option(hyp, "spool"));
        if (sending.amqp == NULL) {
            return HYP_UNREACHABLE;
        }
    }
    if (json != NULL) {
        code = send_json(&sending, json);
    } else if (hyp->args.n > 0) {
        code = send_pairs(&sending);
    } else {
        code = send_file(&sending, file != NULL ? file : "-");
    }
    amqp_sender_close(sending.amqp);
    if (code == HYP_USAGE) {
        return code;
    }
    sending.code = code;
    return finish(&sending);
}
