/* SPDX-License-Identifier: Apache-2.0 */
/** Request targets: what is taken apart and what is refused. */
#include <string.h>

#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "webserver/uri.h"

struct target_row {
    const char *name;
    const char *target;
    const char *path;  /* NULL: refused */
    const char *param; /* "name=value" that must be there, or NULL */
};

static const struct target_row targets[] = {
    {"plain", "/a/b", "/a/b", NULL},
    {"query", "/a?x=1&y=2", "/a", "y=2"},
    {"empty query", "/a?", "/a", NULL},
    {"no value", "/a?x", "/a", "x="},
    {"escaped", "/a?x=%2Fb%20c+d", "/a", "x=/b c d"},
    {"escaped name", "/a?%78=1", "/a", "x=1"},
    {"utf-8", "/a?x=%C3%A9", "/a", "x=\xc3\xa9"},
    {"path stays escaped", "/a%2Fb", "/a%2Fb", NULL},
    {"equals in value", "/a?x=b=c", "/a", "x=b=c"},
    {"no slash", "a", NULL, NULL},
    {"absolute", "http://x/a", NULL, NULL},
    {"bad escape", "/a?x=%4", NULL, NULL},
    {"bad digit", "/a?x=%4g", NULL, NULL},
    {"nul", "/a?x=%00", NULL, NULL},
    {"not utf-8", "/a?x=%ff", NULL, NULL},
    {"overlong", "/a?x=%c0%af", NULL, NULL},
    {"twice", "/a?x=1&x=2", NULL, NULL},
    {"empty name", "/a?=1", NULL, NULL},
    {"33 params",
     "/?a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k=&l=&m=&n=&o=&p=&q=&r=&s=&t=&u=&v=&w=&"
     "x=&y=&z=&A=&B=&C=&D=&E=&F=&G=",
     NULL, NULL},
};

static void check_target(void **state)
{
    const struct target_row *row = *state;
    struct errbuf why = {0};
    struct uri uri;
    enum err err = uri_parse(row->target, &uri, &why);

    if (row->path == NULL) {
        assert_int_equal(err, ERR_INVALID);
        assert_string_not_equal(why.text, "");
    } else {
        assert_int_equal(err, ERR_OK);
        assert_string_equal(uri.path, row->path);
    }
    if (row->param != NULL) {
        char name[64] = "";
        size_t n = strcspn(row->param, "=");

        memcpy(name, row->param, n);
        assert_string_equal(uri_params_get(&uri.query, name),
                            row->param + n + 1);
    }
    uri_fini(&uri);
}

int main(void)
{
    const struct row_table tables[] = {ROWS(targets, check_target)};

    return rows_run("uri", tables, N_ROWS(tables));
}
