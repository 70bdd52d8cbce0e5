/* SPDX-License-Identifier: Apache-2.0 */
/** Events as the connectors of 2015 and 2024 post them: JSON or a form. */
#include <string.h>
#include <strings.h>

#include "common/base/str.h"
#include "webserver/json_text.h"
#include "webserver/posting.h"
#include "webserver/routes.h"

static bool is_number_field(const char *name)
{
    static const char *const names[] = {"timestamp", "state",    "state_type",
                                        "ttl",       "duration", NULL};

    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* A form's fields as a JSON object. */
static void form_to_json(const struct uri_params *form, struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < form->n; i++) {
        const char *value = form->items[i].value;
        double number;

        if (i > 0) {
            buf_add_char(out, ',');
        }
        json_add_text(out, form->items[i].name);
        buf_add_char(out, ':');
        if (is_number_field(form->items[i].name) &&
            str_to_double(value, &number) == ERR_OK) {
            struct doc_value parsed = {.type = DOC_DOUBLE};

            parsed.u.d = number;
            doc_value_to_json(&parsed, out);
        } else {
            json_add_text(out, value);
        }
    }
    buf_add_char(out, '}');
}

static void post_form(struct server *server, struct request *request,
                      enum posting_style style)
{
    struct uri_params form;
    struct errbuf why = {0};
    struct buf json;

    buf_init(&json, 2 * request->body.max + 64);
    if (uri_params_parse(buf_str(&request->body), request->body.len, &form,
                         &why) != ERR_OK) {
        request_problem_why(request, HTTP_BAD_REQUEST, &why);
    } else if (uri_params_get(&form, "event") != NULL) {
        const char *event = uri_params_get(&form, "event");

        posting_start(server, request, style, event, strlen(event));
    } else {
        form_to_json(&form, &json);
        posting_start(server, request, style, buf_str(&json), json.len);
    }
    uri_params_fini(&form);
    buf_fini(&json);
}

void compat_post(struct server *server, struct request *request)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = request_header(request, "Content-Type");
    enum posting_style style = str_starts(request->route->path, "/api/v4")
                                   ? POSTING_2024
                                   : POSTING_2015;

    if (type != NULL && strncasecmp(type, form, sizeof form - 1) == 0) {
        post_form(server, request, style);
    } else {
        posting_start(server, request, style, buf_str(&request->body),
                      request->body.len);
    }
}
