/* SPDX-License-Identifier: Apache-2.0 */
/** The forms of an action: their tables, and reading one. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/rules/rule.h"

enum {
    FIELD_MAX = 512, /* bytes of a field's path */
    INFO_MAX = 256,  /* of an info's name */
    TAG_MAX = 256,
    PATTERN_MAX = 4096
};

#define TEXT_FIELD(called, bytes, told)                                        \
    {                                                                          \
        .name = (called), .type = OBJECT_TEXT, .required = true, .min = 1,     \
        .max = (bytes), .help = (told)                                         \
    }

static const struct object_field set_fields[] = {
    TEXT_FIELD("field", FIELD_MAX, "what is set"),
    {.name = "value", .type = OBJECT_ANY, .required = true, .help = "to what"},
    {.name = NULL}};

static const struct object_field copy_fields[] = {
    TEXT_FIELD("from", FIELD_MAX, "where the value is read"),
    TEXT_FIELD("to", FIELD_MAX, "what is set to it"),
    {.name = NULL}};

static const struct object_field remove_fields[] = {
    TEXT_FIELD("field", FIELD_MAX, "what is taken away"), {.name = NULL}};

static const struct object_field tag_fields[] = {
    TEXT_FIELD("tag", TAG_MAX, "the tag"), {.name = NULL}};

static const struct object_field template_fields[] = {
    TEXT_FIELD("field", FIELD_MAX, "what is set"),
    TEXT_FIELD("template", TEMPLATE_BYTES_MAX,
               "to what, with names such as {{event.component}}"),
    {.name = NULL}};

static const char *const documents[] = {"infos", "extra", NULL};

static const struct object_field extract_fields[] = {
    TEXT_FIELD("from", FIELD_MAX, "the field whose text is looked at"),
    TEXT_FIELD("regex", PATTERN_MAX,
               "a pattern with named groups, (?<name>...)"),
    {.name = "to",
     .type = OBJECT_CHOICE,
     .choices = documents,
     .help = "where the groups become members of their names; without it each "
             "is called as the field it sets"},
    {.name = NULL}};

static const struct object_field set_info_fields[] = {
    TEXT_FIELD("name", INFO_MAX, "the info"),
    {.name = "value", .type = OBJECT_ANY, .required = true, .help = "to what"},
    {.name = NULL}};

static const struct object_field copy_to_info_fields[] = {
    TEXT_FIELD("from", FIELD_MAX, "where the value is read"),
    TEXT_FIELD("name", INFO_MAX, "the info that is set to it"),
    {.name = NULL}};

static const struct object_field lookup_fields[] = {
    TEXT_FIELD("table", OBJECT_NAME_MAX, "the table, by its name"),
    TEXT_FIELD("from", FIELD_MAX, "the field that holds the key"),
    {.name = "column",
     .type = OBJECT_TEXT,
     .min = 1,
     .max = TABLE_NAME_MAX,
     .help = "the column that is looked up; without it all of the row"},
    TEXT_FIELD("to", FIELD_MAX,
               "the field that is set; without a column infos or extra, which "
               "get the columns by their names"),
    {.name = "required",
     .type = OBJECT_BOOL,
     .fallback = "false",
     .help = "it fails when the key is not there; otherwise nothing is set"},
    {.name = "default",
     .type = OBJECT_ANY,
     .help = "what stands for the column when it is not there"},
    {.name = NULL}};

const struct object_variant action_variants[] = {
    {"pass", NULL, "the event goes on, also when the default is drop"},
    {"drop", NULL, "the event ends here"},
    {"set", set_fields, "set a field to a value"},
    {"copy", copy_fields, "set a field to what another holds"},
    {"remove", remove_fields, "take a field away"},
    {"add_tag", tag_fields, "add a tag"},
    {"remove_tag", tag_fields, "take a tag away"},
    {"set_template", template_fields,
     "set a field to a text with values in it"},
    {"extract", extract_fields,
     "set fields to parts of a text, found by a regular expression"},
    {"set_info", set_info_fields, "set an info of the entity to a value"},
    {"copy_to_info", copy_to_info_fields,
     "set an info of the entity to what a field holds"},
    {"lookup", lookup_fields, "set fields to what a table has under a key"},
    {NULL, NULL, NULL}};

/* What each form is, in their order. */
static const enum action_type types[] = {
    ACTION_PASS,    ACTION_DROP,    ACTION_SET,        ACTION_COPY,
    ACTION_REMOVE,  ACTION_ADD_TAG, ACTION_REMOVE_TAG, ACTION_TEMPLATE,
    ACTION_EXTRACT, ACTION_SET,     ACTION_COPY,       ACTION_LOOKUP,
};

static enum action_type type_of(const char *name)
{
    size_t i = 0;

    while (strcmp(action_variants[i].name, name) != 0) {
        i++;
    }
    return types[i];
}

static enum err read_template(struct doc doc, struct action *action,
                              struct errbuf *why)
{
    const char *text = doc_str(doc, "template", "");
    struct errbuf inner = {0};
    enum err err = template_parse(text, strlen(text), &action->tmpl, &inner);

    if (err != ERR_OK) {
        errbuf_set_field(why, "template", "%s", inner.text);
    }
    return err;
}

/* Each group, as the field it sets. */
static enum err read_groups(struct action *action, const char *to,
                            struct errbuf *why)
{
    struct regex_group groups[REGEX_GROUPS_MAX];
    size_t n = regex_groups(action->regex, groups);
    enum err err = ERR_OK;

    if (n == 0) {
        errbuf_set_field(why, "regex",
                         "expected named groups, such as (?<resource>.+)");
        return ERR_INVALID;
    }
    action->extracts = xcalloc(n, sizeof action->extracts[0]);
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        struct extract *extract = &action->extracts[action->n_extracts++];

        extract->group = groups[i].number;
        extract->field = to == NULL ? xstrdup(groups[i].name)
                                    : xasprintf("%s.%s", to, groups[i].name);
        err = action_check_target(extract->field, "regex", why);
    }
    return err;
}

static enum err read_extract(struct doc doc, struct action *action,
                             struct errbuf *why)
{
    struct errbuf inner = {0};
    enum err err = regex_new(doc_str(doc, "regex", ""), &action->regex, &inner);

    if (err != ERR_OK) {
        errbuf_set_field(why, "regex", "%s", inner.text);
        return err;
    }
    return read_groups(action, doc_str(doc, "to", NULL), why);
}

/* An info by its name alone. */
static enum err read_info(const char *name, struct action *action,
                          struct errbuf *why)
{
    if (strchr(name, '.') != NULL) {
        errbuf_set_field(why, "name", "expected a name without dots");
        return ERR_INVALID;
    }
    action->own = xasprintf("infos.%s", name);
    action->field = action->own;
    return ERR_OK;
}

static enum err read_lookup(struct doc doc, struct action *action,
                            struct errbuf *why)
{
    bool has_default = doc_get(doc, "default", &action->value);

    action->table = doc_str(doc, "table", "");
    action->column = doc_str(doc, "column", NULL);
    action->required = doc_bool(doc, "required", false);
    if (action->column != NULL) {
        return action_check_target(action->field, "to", why);
    }
    if (has_default) {
        errbuf_set_field(why, "default",
                         "expected a column that it stands for");
        return ERR_INVALID;
    }
    if (strcmp(action->field, documents[0]) != 0 &&
        strcmp(action->field, documents[1]) != 0) {
        errbuf_set_field(why, "to",
                         "expected infos or extra, or a column beside it");
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err action_read(struct doc doc, struct action *action, struct errbuf *why)
{
    const char *info = doc_str(doc, "name", NULL);

    *action = (struct action){
        .type = type_of(doc_str(doc, "type", "")),
        .field =
            doc_str(doc, "field", doc_str(doc, "to", doc_str(doc, "tag", ""))),
        .from = doc_str(doc, "from", "")};
    (void)doc_get(doc, "value", &action->value);
    if (info != NULL) {
        return read_info(info, action, why);
    }
    switch (action->type) {
    case ACTION_TEMPLATE:
        return read_template(doc, action, why);
    case ACTION_EXTRACT:
        return read_extract(doc, action, why);
    case ACTION_LOOKUP:
        return read_lookup(doc, action, why);
    case ACTION_PASS:
    case ACTION_DROP:
    case ACTION_SET:
    case ACTION_COPY:
    case ACTION_REMOVE:
    case ACTION_ADD_TAG:
    case ACTION_REMOVE_TAG:
        break;
    }
    return ERR_OK;
}

void action_fini(struct action *action)
{
    for (size_t i = 0; i < action->n_extracts; i++) {
        free(action->extracts[i].field);
    }
    free(action->extracts);
    regex_free(action->regex);
    template_free(action->tmpl);
    free(action->own);
}
