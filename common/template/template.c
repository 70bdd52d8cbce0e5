/* SPDX-License-Identifier: Apache-2.0 */
/** Templates: rendering. */
#include <stdlib.h>
#include <string.h>

#include "common/template/template_tree.h"

enum {
    JSON_GROWTH = 6, /* bytes for one as \u00xx */
    DELETE = 0x7F
};

struct render {
    const struct template *tmpl;
    const struct template_source *source;
    enum template_target target;
    struct buf *out;
    struct helper_room room;
    struct doc_value around[TEMPLATE_DEPTH_MAX]; /* what sections are about */
    size_t depth;
    size_t steps;
};

/* A member of what the innermost section that has it is about; else from the
 * top. */
static void find(const struct render *render, const char *name,
                 struct doc_value *value)
{
    size_t i = render->depth;

    if (strcmp(name, ".") == 0) {
        *value = i > 0 ? render->around[i - 1]
                       : (struct doc_value){.type = DOC_MISSING};
        return;
    }
    while (i-- > 0) {
        const struct doc_value *around = &render->around[i];

        if (around->type == DOC_DOC && doc_path(around->u.doc, name, value)) {
            return;
        }
    }
    if (!render->source->get(render->source->ctx, name, value)) {
        value->type = DOC_MISSING;
    }
}

/* Escaping. */

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static void add_html(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *entity = entity_of(text[i]);

        if (entity != NULL) {
            buf_add_str(out, entity);
        } else {
            buf_add_char(out, text[i]);
        }
    }
}

/* Without the quotes around it. */
static void add_json(struct buf *out, const char *text, size_t len)
{
    const struct doc_value value = {.type = DOC_STRING,
                                    .u.s = {text, (uint32_t)len}};
    struct buf quoted;

    buf_init(&quoted, JSON_GROWTH * TEMPLATE_VALUE_MAX + 3);
    doc_value_to_json(&value, &quoted);
    if (quoted.len >= 2) {
        buf_add(out, quoted.data + 1, quoted.len - 2);
    }
    out->overflow = out->overflow || quoted.overflow;
    buf_fini(&quoted);
}

/* Nothing in it ends the line or hides what stands there. */
static void add_header(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool hides = c < ' ' || c == DELETE;

        buf_add(out, hides ? " " : &text[i], 1);
    }
}

static void add_escaped(const struct render *render, const char *text,
                        size_t len)
{
    switch (render->target) {
    case TEMPLATE_TEXT:
        buf_add(render->out, text, len);
        break;
    case TEMPLATE_HTML:
        add_html(render->out, text, len);
        break;
    case TEMPLATE_JSON:
        if (render->room.is_json) {
            buf_add(render->out, text, len);
        } else {
            add_json(render->out, text, len);
        }
        break;
    case TEMPLATE_HEADER:
        add_header(render->out, text, len);
        break;
    }
}

static enum err add_value(struct render *render, const struct node *node)
{
    struct doc_value value;
    struct buf text;
    enum err err = ERR_OK;

    render->room.is_json = false;
    if (node->literal) {
        value = (struct doc_value){
            .type = DOC_STRING,
            .u.s = {node->text, (uint32_t)strlen(node->text)}};
    } else {
        find(render, node->text, &value);
    }
    for (size_t i = 0; err == ERR_OK && i < node->n_calls; i++) {
        err = helper_apply(&node->calls[i], &render->room, &value);
    }
    if (err != ERR_OK) {
        return err;
    }
    buf_init(&text, TEMPLATE_VALUE_MAX);
    helper_add_text(&value, &text);
    add_escaped(render, buf_str(&text), text.len);
    err = text.overflow ? ERR_LIMIT : ERR_OK;
    buf_fini(&text);
    return err;
}

/* Sections. */

static bool is_true(const struct doc_value *value)
{
    switch (value->type) {
    case DOC_MISSING:
    case DOC_NULL:
        return false;
    case DOC_BOOL:
        return value->u.b;
    case DOC_INT:
        return value->u.i != 0;
    case DOC_DOUBLE:
        return value->u.d < 0 || value->u.d > 0;
    case DOC_STRING:
    case DOC_BYTES:
        return value->u.s.len > 0;
    case DOC_DOC:
    case DOC_ARRAY:
        return doc_count(value->u.doc) > 0;
    }
    return false;
}

static enum err render_range(struct render *render, size_t from, size_t to);

static enum err render_about(struct render *render, size_t section,
                             const struct doc_value *value)
{
    enum err err;

    render->around[render->depth++] = *value;
    err = render_range(render, section + 1, render->tmpl->nodes[section].end);
    render->depth--;
    return err;
}

static enum err render_section(struct render *render, size_t section)
{
    const struct node *node = &render->tmpl->nodes[section];
    bool inverted = node->type == NODE_INVERTED;
    enum err err = ERR_OK;
    struct doc_value value;
    struct doc_value item;
    struct doc_iter it;
    const char *index;

    find(render, node->text, &value);
    if (is_true(&value) == inverted) {
        return ERR_OK;
    }
    if (value.type != DOC_ARRAY || inverted) {
        return render_about(render, section, &value);
    }
    doc_iter_init(&it, value.u.doc);
    while (err == ERR_OK && doc_next(&it, &index, &item)) {
        err = render_about(render, section, &item);
    }
    return err;
}

static enum err render_node(struct render *render, size_t i)
{
    const struct node *node = &render->tmpl->nodes[i];

    if (render->steps++ == TEMPLATE_STEPS_MAX) {
        return ERR_LIMIT;
    }
    switch (node->type) {
    case NODE_TEXT:
        buf_add(render->out, node->text, node->len);
        return ERR_OK;
    case NODE_VALUE:
        return add_value(render, node);
    case NODE_SECTION:
    case NODE_INVERTED:
        return render_section(render, i);
    }
    return ERR_OK;
}

/* Sections hold sections: as deep as TEMPLATE_DEPTH_MAX. */
static enum err render_range(struct render *render, size_t from, size_t to)
{
    const struct node *nodes = render->tmpl->nodes;
    enum err err = ERR_OK;

    for (size_t i = from; err == ERR_OK && i < to;) {
        bool section =
            nodes[i].type == NODE_SECTION || nodes[i].type == NODE_INVERTED;

        err = render_node(render, i);
        i = section ? nodes[i].end : i + 1;
        if (render->out->overflow) {
            err = ERR_LIMIT;
        }
    }
    return err;
}

enum err template_render(const struct template *tmpl,
                         const struct template_source *source,
                         enum template_target target, struct buf *out)
{
    struct render render = {
        .tmpl = tmpl, .source = source, .target = target, .out = out};
    enum err err;

    buf_init(&render.room.room[0], TEMPLATE_VALUE_MAX);
    buf_init(&render.room.room[1], TEMPLATE_VALUE_MAX);
    err = render_range(&render, 0, tmpl->n);
    buf_fini(&render.room.room[0]);
    buf_fini(&render.room.room[1]);
    return err;
}

void template_each_name(const struct template *tmpl, template_name_fn *each,
                        void *ctx)
{
    for (size_t i = 0; i < tmpl->n; i++) {
        const struct node *node = &tmpl->nodes[i];

        if (node->type != NODE_TEXT && !node->literal &&
            strcmp(node->text, ".") != 0) {
            each(ctx, node->text, node->depth > 0);
        }
    }
}
