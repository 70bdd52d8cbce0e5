/* SPDX-License-Identifier: Apache-2.0 */
/** The store's address: the password of a file put where it belongs. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store_conf.h"
#include "common/store/store_mongodb_set.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

struct case_row {
    const char *name;
    const char *uri, *password, *want;
};

static const struct case_row cases[] = {
    {"SQLite has none", "sqlite:/var/x", "secret", "sqlite:/var/x"},
    {"no password", "mongodb://u@h:1/d", "", "mongodb://u@h:1/d"},
    {"no user", "mongodb://h:1/d", "secret", "mongodb://h:1/d"},
    {"a password", "mongodb://u@h:1,i:2/d?x=y", "s3-._~",
     "mongodb://u:s3-._~@h:1,i:2/d?x=y"},
    {"one to escape", "mongodb://u@h/d", "a:b@c/%\xc3\xa4",
     "mongodb://u:a%3Ab%40c%2F%25%C3%A4@h/d"},
};

static void check_case(void **state)
{
    const struct case_row *row = *state;
    struct store_conf conf = {xstrdup(row->uri), xstrdup(row->password)};

    store_conf_complete(&conf);
    assert_string_equal(conf.uri, row->want);
    free(conf.uri);
    free(conf.password);
}

static void a_wrong_address_is_no_mongod(void **state)
{
    struct errbuf why = {0};

    (void)state;
    assert_int_equal(mongodb_set_is_ready("mongodb://", &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "uri is not a MongoDB address"));
}

static void nobody_there_is_not_ready(void **state)
{
    struct errbuf why = {0};

    (void)state;
    assert_int_equal(mongodb_set_is_ready("mongodb://u:p@127.0.0.1:1/", &why),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "127.0.0.1:1: "));
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(cases, check_case),
        ROW_SINGLE(a_wrong_address_is_no_mongod),
        ROW_SINGLE(nobody_there_is_not_ready),
    };

    return rows_run("store/conf", tables, sizeof tables / sizeof tables[0]);
}
