/* SPDX-License-Identifier: Apache-2.0 */
/**
 * hyp as people run it, against the real server on memory store and broker:
 * what it prints, what it says, how it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"

enum {
    ARGS_MAX = 16,
    OUT_MAX = 1024 * 1024,
    URL_MAX = 64
};

/* The server of all rows, in a process of its own. */
static struct {
    pid_t pid;
    char url[URL_MAX];
    char key_file[64];
    char config[64]; /* $XDG_CONFIG_HOME */
} stub;

/* As an engine answers who asked for something. */
static void publish_answer(struct web_fixture *f, const char *key,
                           const char *body)
{
    (void)broker_publish(
        f->broker,
        &(struct bus_message){.exchange = "canopsis.alerts",
                              .routing_key = key,
                              .properties = {"application/json", "", "", 0},
                              .body = body,
                              .len = strlen(body)});
}

/* Stands in for the alarm engine: refuses what is about bb22. */
static void answer(struct web_fixture *f)
{
    struct bus_message order;
    struct doc_out *out = doc_out_new();
    struct doc doc;

    while (broker_peek(f->broker, WEB_QUEUE_ACTIONS, f->hook_count, &order)) {
        char body[512];
        bool bad;

        f->hook_count++;
        if (doc_from_json(order.body, order.len, out, &doc, NULL) != ERR_OK) {
            break;
        }
        bad = strncmp(doc_str(doc, "alarm_id", ""), "bb22", 4) == 0;
        (void)snprintf(
            body, sizeof body, "{\"alarm_id\":\"%s\",\"action\":\"%s\",%s}",
            doc_str(doc, "alarm_id", ""), doc_str(doc, "action_id", ""),
            bad ? "\"type\":\"action_refused\",\"step\":null,"
                  "\"message\":\"acknowledged already\""
                : "\"type\":\"ack\",\"step\":3");
        publish_answer(f, "c.n.ack", body);
    }
    doc_out_free(out);
}

/* Stands in for eventstore: refuses to purge. */
static void tend_letters(struct web_fixture *f)
{
    static size_t n;
    struct bus_message request;
    struct doc_out *out = doc_out_new();
    struct doc doc;

    while (broker_peek(f->broker, WEB_QUEUE_DEAD, n, &request)) {
        char body[512];
        bool purge;

        n++;
        if (doc_from_json(request.body, request.len, out, &doc, NULL) !=
            ERR_OK) {
            break;
        }
        purge = strcmp(doc_str(doc, "op", ""), "purge") == 0;
        (void)snprintf(
            body, sizeof body, "{\"action\":\"%s\",\"message\":\"%s%s\",%s}",
            doc_str(doc, "action", ""), purge ? "not now, " : "",
            doc_str(doc, "author", ""),
            purge ? "\"type\":\"dead_refused\"" : "\"type\":\"dead_replayed\"");
        publish_answer(f, "dead", body);
    }
    doc_out_free(out);
}

static void answer_all(struct web_fixture *f)
{
    answer(f);
    tend_letters(f);
}

/* @ in the row stands for the time that many seconds ago. */
static void put(struct web_fixture *f, enum store_collection into,
                const char *json, double ago_s)
{
    const char *at = strchr(json, '@');
    struct buf text;

    buf_init(&text, OUT_MAX);
    buf_add(&text, json, (size_t)(at - json));
    buf_addf(&text, "%.3f%s", clock_ms_to_s(clock_now_ms()) - ago_s, at + 1);
    web_put(f, into, buf_str(&text));
    buf_fini(&text);
}

#define FIXED(f, into, json) web_put(f, into, json)

static void seed(struct web_fixture *f)
{
    put(f, STORE_ALARMS,
        "{\"id\":\"aa11000000000001\",\"entity_id\":\"/resource/c/n/web1/"
        "disk\","
        "\"source_type\":\"resource\",\"connector\":\"c\","
        "\"connector_name\":\"n\",\"component\":\"web1\",\"resource\":\"disk\","
        "\"state\":2,\"status\":1,\"output\":\"95% \\u001b[31mfull, "
        "\\\"/\\\"\","
        "\"opened_at\":@,\"changed_at\":1000000000.5,\"steps_count\":2}",
        7230);
    put(f, STORE_ALARMS,
        "{\"id\":\"bb22000000000001\",\"entity_id\":\"/component/c/n/db1\","
        "\"source_type\":\"component\",\"connector\":\"c\","
        "\"connector_name\":\"n\",\"component\":\"db1\",\"resource\":\"\","
        "\"state\":3,\"status\":3,\"output\":\"down\",\"opened_at\":@,"
        "\"changed_at\":1000000000.25,\"ack\":{\"author\":\"ann\","
        "\"message\":\"mine\",\"at\":1000000000}}",
        5405);
    put(f, STORE_ALARMS,
        "{\"id\":\"bb22000000000002\",\"entity_id\":\"/component/c/n/db2\","
        "\"source_type\":\"component\",\"connector\":\"c\","
        "\"connector_name\":\"n\",\"component\":\"db2\",\"resource\":\"\","
        "\"state\":1,\"status\":1,\"output\":\"slow\",\"opened_at\":@,"
        "\"changed_at\":1000000000}",
        5405);
    FIXED(f, STORE_ALARMS_RESOLVED,
          "{\"id\":\"cc33000000000001\",\"component\":\"old\",\"state\":0,"
          "\"status\":0,\"output\":\"fine\",\"opened_at\":1,\"changed_at\":2,"
          "\"resolved_at\":3}");
    FIXED(f, STORE_STEPS,
          "{\"_key\":\"aa11000000000001\",\"_a\":1,\"step\":1,\"type\":"
          "\"stateinc\",\"t\":1000000000,\"value\":2,\"author\":\"c.n\","
          "\"message\":\"95% full\"}");
    FIXED(f, STORE_STEPS,
          "{\"_key\":\"aa11000000000001\",\"_a\":2,\"step\":2,\"type\":"
          "\"statusinc\",\"t\":1000000000,\"value\":1,\"author\":\"c.n\","
          "\"message\":\"\"}");
    FIXED(f, STORE_ENTITIES,
          "{\"id\":\"/component/c/n/web1\",\"type\":\"component\",\"name\":"
          "\"web1\",\"component\":\"web1\",\"state\":2,\"connector\":\"c\"}");
    FIXED(f, STORE_METRICS,
          "{\"id\":\"/resource/c/n/web1/disk/used\",\"n\":7,\"entity_id\":"
          "\"/resource/c/n/web1/disk\",\"name\":\"used\",\"unit\":\"%\","
          "\"type\":\"GAUGE\",\"warn\":\"80\",\"crit\":\"90\"}");
    FIXED(f, STORE_METRICS,
          "{\"id\":\"/resource/c/n/web1/disk/free\",\"n\":8,\"entity_id\":"
          "\"/resource/c/n/web1/disk\",\"name\":\"free\",\"type\":\"GAUGE\","
          "\"last\":{\"t\":1000000000,\"value\":1234567}}");
    FIXED(f, STORE_METRICS,
          "{\"id\":\"/resource/c/n/web1/if/rx\",\"n\":9,\"entity_id\":"
          "\"/resource/c/n/web1/if\",\"name\":\"rx\",\"type\":\"COUNTER\"}");
    FIXED(f, STORE_POINTS, "{\"_a\":9,\"_b\":10000,\"v\":100}");
    FIXED(f, STORE_POINTS, "{\"_a\":9,\"_b\":20000,\"v\":300}");
    FIXED(f, STORE_POINTS, "{\"_a\":9,\"_b\":30000,\"v\":310}");
    FIXED(f, STORE_POINTS, "{\"_a\":7,\"_b\":10000,\"v\":1}");
    FIXED(f, STORE_POINTS, "{\"_a\":7,\"_b\":20500,\"v\":3.5}");
    FIXED(f, STORE_POINTS, "{\"_a\":7,\"_b\":70000,\"v\":5}");
#define LOGGED(n, component, state)                                            \
    FIXED(f, STORE_EVENTS_LOG,                                                 \
          "{\"_a\":5" n "000,\"_b\":1,\"id\":\"q-5" n "-0\",\"connector\":"    \
          "\"old\",\"connector_name\":\"n\",\"event_type\":\"check\","         \
          "\"source_type\":\"component\",\"component\":\"" component           \
          "\",\"entity_id\":\"/component/old/n/" component                     \
          "\",\"timestamp\":5" n ",\"received_at\":5" n ",\"state\":" state    \
          "}")
    LOGGED("1", "w", "2");
    LOGGED("2", "w", "1");
    LOGGED("3", "lost", "0");
    FIXED(f, STORE_EVENTS_LOG,
          "{\"_a\":1000,\"_b\":1,\"id\":\"q-1-0\",\"received_at\":1}");
    FIXED(f, STORE_POINTS, "{\"_a\":8,\"_b\":10000,\"v\":1234567}");
    FIXED(f, STORE_DEAD,
          "{\"_key\":\"cleaner/q-9-0\",\"at\":9,\"engine\":\"cleaner\","
          "\"reason\":\"state: expected 0 to 3\",\"field\":\"state\","
          "\"body\":\"{}\"}");
    FIXED(f, STORE_DEAD_COUNTS,
          "{\"_key\":\"cleaner/state/expected N to N\",\"engine\":\"cleaner\","
          "\"field\":\"state\",\"reason\":\"expected N to N\",\"total\":7,"
          "\"kept\":1,\"last_at\":9}");
}

static volatile sig_atomic_t ended;

static void on_term(int number)
{
    (void)number;
    ended = 1;
}

static void serve(struct web_fixture *f)
{
    (void)signal(SIGTERM, on_term);
    f->hook = answer_all;
    while (!ended && getppid() != 1) {
        if (server_step(&f->server, 50) != ERR_OK) {
            break;
        }
        f->hook(f);
    }
    web_stop(f);
    _exit(0);
}

static char *profiles_path(const char *config)
{
    return xasprintf("%s/hyp/profiles.conf", config);
}

/* $XDG_CONFIG_HOME with this file of profiles. */
static void make_config(char *folder, size_t size, const char *profiles)
{
    char *path;
    char *inner;

    (void)snprintf(folder, size, "/tmp/hyp_test_config_XXXXXX");
    assert_non_null(mkdtemp(folder));
    inner = xasprintf("%s/hyp", folder);
    path = profiles_path(folder);
    assert_int_equal(mkdir(inner, 0700), 0);
    assert_int_equal(file_replace(path, profiles, strlen(profiles), 0600, NULL),
                     ERR_OK);
    free(path);
    free(inner);
}

static void drop_config(const char *folder)
{
    char *path = profiles_path(folder);
    char *inner = xasprintf("%s/hyp", folder);

    (void)unlink(path);
    (void)rmdir(inner);
    (void)rmdir(folder);
    free(inner);
    free(path);
}

static void make_profiles(void)
{
    char *text = xasprintf("[here]\nserver = %s\nkey_file = %s\n"
                           "[away]\nserver = http://127.0.0.1:1\n"
                           "key_file = away.key\n"
                           "[local]\nconfig_dir = /nonexistent/etc\n",
                           stub.url, stub.key_file);

    make_config(stub.config, sizeof stub.config, text);
    free(text);
}

static void start_stub(void)
{
    struct web_fixture f;
    FILE *key;
    int fd;

    web_start(&f, NULL);
    seed(&f);
    (void)snprintf(stub.url, sizeof stub.url, "http://127.0.0.1:%d",
                   http_port(f.server.http));
    (void)snprintf(stub.key_file, sizeof stub.key_file, "/tmp/hyp_test_XXXXXX");
    fd = mkstemp(stub.key_file);
    key = fdopen(fd, "w");
    (void)fprintf(key, "%s\n", WEB_KEY);
    (void)fclose(key);
    make_profiles();
    stub.pid = fork();
    if (stub.pid == 0) {
        serve(&f);
    }
    web_stop(&f); /* the child has its own */
}

static void stop_stub(void)
{
    (void)kill(stub.pid, SIGTERM);
    (void)waitpid(stub.pid, NULL, 0);
    (void)unlink(stub.key_file);
    drop_config(stub.config);
}

/* Running hyp. */

struct run {
    char *out, *err;
    int code;
};

static char *read_all(FILE *file)
{
    char *text = xcalloc(1, OUT_MAX);

    rewind(file);
    text[fread(text, 1, OUT_MAX - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void exec_hyp(const char *const *args, FILE *in, FILE *out, FILE *err)
{
    char *argv[ARGS_MAX + 2] = {xstrdup("hyp")};

    for (int i = 0; args[i] != NULL; i++) {
        argv[i + 1] = xstrdup(args[i]);
    }
    (void)dup2(fileno(in), STDIN_FILENO);
    (void)dup2(fileno(out), STDOUT_FILENO);
    (void)dup2(fileno(err), STDERR_FILENO);
    (void)setenv("HYP_SERVER", stub.url, 0);
    (void)setenv("HYP_KEY_FILE", stub.key_file, 1);
    (void)setenv("HYP_CONFIG_DIR", "/nonexistent", 1);
    (void)setenv("XDG_CONFIG_HOME", stub.config, 0);
    (void)setenv("TZ", "UTC", 1);
    (void)execv("cli/hyp", argv);
    _exit(127);
}

static void run_hyp(const char *const *args, const char *input, struct run *run)
{
    FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
    int status = 0;
    pid_t pid;

    (void)fputs(input != NULL ? input : "", in);
    rewind(in);
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        exec_hyp(args, in, out, err);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)fclose(in);
    run->out = read_all(out);
    run->err = read_all(err);
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define E "connector=c", "connector_name=n", "component=w"

#define RULE(name, spec)                                                       \
    "{\"kind\":\"eventfilter\",\"name\":\"" name "\",\"spec\":{" spec "}}"
#define SET_1 "\"actions\":[{\"type\":\"set\",\"field\":\"state\",\"value\":1}]"
#define DROP_LAB                                                               \
    "\"filter\":\"component~\\\"^lab\\\"\",\"actions\":[{\"type\":\"drop\"}]"

struct hyp_row {
    const char *name;
    const char *args[ARGS_MAX];
    const char *input;
    int code;
    const char *out; /* "=...": the whole of it; else a part; NULL: nothing */
    const char *err; /* a part; NULL: nothing */
};

static const struct hyp_row hyps[] = {
    /* usage */
    {"no command", {NULL}, NULL, 0, "Commands:", NULL},
    {"help", {"--help", NULL}, NULL, 0, "alarm list", NULL},
    {"help of a group", {"alarm", "--help"}, NULL, 0, "alarm snooze", NULL},
    {"group alone", {"alarm"}, NULL, 2, "alarm snooze", NULL},
    {"help of a command", {"alarm", "ack", "-h"}, NULL, 0, "Examples:", NULL},
    {"unknown command", {"alarm", "dance"}, NULL, 2, NULL, "alarm dance"},
    {"unknown option", {"alarm", "list", "--nope"}, NULL, 2, NULL, "--nope"},
    {"foreign option",
     {"version", "--filter", "x"},
     NULL,
     2,
     NULL,
     "takes no --filter"},
    {"missing value",
     {"alarm", "list", "--filter"},
     NULL,
     2,
     NULL,
     "needs a value"},
    {"twice",
     {"alarm", "list", "--limit=1", "--limit=2"},
     NULL,
     2,
     NULL,
     "twice"},
    {"bench: no rate", {"bench", "--rate", "0"}, NULL, 2, NULL, "--rate"},
    {"bench: large batch",
     {"bench", "--batch", "1001"},
     NULL,
     2,
     NULL,
     "--batch: expected a whole number from 1 to 1000"},
    {"bench: too many resources",
     {"bench", "--components", "100000", "--resources", "1000"},
     NULL,
     2,
     NULL,
     "at most 10000000"},
    {"bench: too many changes",
     {"bench", "--changes", "101"},
     NULL,
     2,
     NULL,
     "--changes: expected a percentage"},
    {"bench: no duration", {"bench", "--for", "soon"}, NULL, 2, NULL, "--for"},
    {"too many words", {"alarm", "list", "x"}, NULL, 2, NULL, "usage:"},
    {"bad format", {"alarm", "list", "-o", "xml"}, NULL, 2, NULL, "xml"},
    {"bad limit", {"alarm", "list", "--limit", "x"}, NULL, 2, NULL, "--limit"},
    {"nobody there",
     {"alarm", "list", "--server", "http://127.0.0.1:1"},
     NULL,
     3,
     NULL,
     "cannot reach"},
    {"wrong key",
     {"alarm", "list", "--key-file", "/dev/null"},
     NULL,
     3,
     NULL,
     "refuses the key"},
    {"no key",
     {"alarm", "list", "--key-file", "/nonexistent"},
     NULL,
     3,
     NULL,
     "--key-file"},
    {"version", {"version"}, NULL, 0, "server ", NULL},
    /* lists */
    {"alarms",
     {"alarm", "list"},
     NULL,
     0,
     "=ID                STATE     STATUS    MARKS  OPENED  COMPONENT  "
     "RESOURCE  OUTPUT\n"
     "aa11000000000001  major     ongoing              2h  web1       disk    "
     "  95%  [31mfull, \"/\"\n"
     "bb22000000000001  critical  flapping  ack       90m  db1                 "
     " down\n"
     "bb22000000000002  minor     ongoing             90m  db2                 "
     " slow\n",
     NULL},
    {"names",
     {"alarm", "list", "-o", "name", "--sort", "state"},
     NULL,
     0,
     "=bb22000000000002\naa11000000000001\nbb22000000000001\n",
     NULL},
    {"limit",
     {"alarm", "list", "-oname", "--limit=1"},
     NULL,
     0,
     "=aa11000000000001\n",
     NULL},
    {"filter",
     {"alarm", "list", "-oname", "--filter", "state>=3"},
     NULL,
     0,
     "=bb22000000000001\n",
     NULL},
    {"both",
     {"alarm", "list", "-oname", "--opened", "both", "--limit", "0"},
     NULL,
     0,
     "=aa11000000000001\nbb22000000000001\nbb22000000000002\n"
     "cc33000000000001\n",
     NULL},
    {"json",
     {"alarm", "list", "-ojson", "--filter", "state=3"},
     NULL,
     0,
     "{\"id\":\"bb22000000000001\",\"entity_id\":\"/component/c/n/db1\",",
     NULL},
    {"yaml",
     {"alarm", "list", "-oyaml", "--filter", "state=3"},
     NULL,
     0,
     "- {\"id\":\"bb22000000000001\"",
     NULL},
    {"csv",
     {"alarm", "list", "-ocsv", "--search", "FULL"},
     NULL,
     0,
     ",web1,disk,/resource/c/n/web1/disk,\"95% \033[31mfull, \"\"/\"\"\"\r\n",
     NULL},
    {"csv head",
     {"dead", "list", "-ocsv"},
     NULL,
     0,
     "=at,engine,field,reason,replayed_by,routing_key,id\r\n"
     "9,cleaner,state,state: expected 0 to 3,,,cleaner/q-9-0\r\n",
     NULL},
    {"server says what is wrong",
     {"alarm", "list", "--sort", "output"},
     NULL,
     1,
     NULL,
     "changed_at"},
    {"bad filter",
     {"alarm", "list", "--filter", "(("},
     NULL,
     1,
     NULL,
     "filter: "},
    {"entities", {"entity", "list"}, NULL, 0, "/component/c/n/web1", NULL},
    {"entity",
     {"entity", "show", "/component/c/n/web1"},
     NULL,
     0,
     "STATE            major\n",
     NULL},
    {"neighbours",
     {"entity", "neighbours", "/component/c/n/web1"},
     NULL,
     0,
     "RELATION  TYPE  NAME",
     NULL},
    {"import: what it would do",
     {"entity", "import", "-", "--source", "cmdb", "--dry-run"},
     "{\"cis\":[{\"type\":\"component\",\"name\":\"web1\",\"infos\":{\"a\":1}}]"
     "}",
     0,
     "set    /component/import/cmdb/web1",
     "2 set, 0 enable, 0 disable, 0 delete, 0 refused, 0 unchanged"},
    {"import: no good",
     {"entity", "import", "-", "--source", "cmdb"},
     "{\"cis\":[{\"type\":\"component\"}]}",
     1,
     NULL,
     "name: expected text of 1 to 256 bytes"},
    {"import: of whom",
     {"entity", "import", "-"},
     "{}",
     2,
     NULL,
     "--source NAME"},
    {"no neighbours",
     {"entity", "neighbours", "/x"},
     NULL,
     1,
     NULL,
     "no such entity"},
    {"no entity", {"entity", "show", "/x"}, NULL, 1, NULL, "no such entity"},
    {"dead one",
     {"dead", "show", "cleaner/q-9-0"},
     NULL,
     0,
     "BODY             {}\n",
     NULL},
    {"dead counted",
     {"dead", "count", "-ocsv"},
     NULL,
     0,
     "=engine,field,total,kept,last_at,reason,id\r\n"
     "cleaner,state,7,1,9,expected N to N,cleaner/state/expected N to N\r\n",
     NULL},
    {"dead replayed",
     {"dead", "replay", "cleaner/q-9-0"},
     NULL,
     0,
     "cleaner/q-9-0: done\n",
     NULL},
    {"all replayed",
     {"dead", "replay", "--all", "--yes"},
     NULL,
     0,
     "cleaner/q-9-0: done\n",
     NULL},
    {"all, and asked",
     {"dead", "replay", "--all"},
     NULL,
     2,
     "expected 0 to 3",
     "--yes"},
    {"all, dry",
     {"dead", "purge", "--all", "--dry-run"},
     NULL,
     0,
     "expected 0 to 3",
     "purge would act on 1 dead letter"},
    {"edited from standard input",
     {"dead", "replay", "cleaner/q-9-0", "--body", "-"},
     "{\"a\":\"\\\\ \\\"\"}",
     0,
     "cleaner/q-9-0: done\n",
     NULL},
    {"edited, but nothing",
     {"dead", "replay", "cleaner/q-9-0", "--body", "-"},
     "",
     1,
     NULL,
     "body: "},
    {"edited, but which",
     {"dead", "replay", "--all", "--body", "-"},
     "{}",
     2,
     NULL,
     "give its id"},
    {"edited, but no file",
     {"dead", "replay", "cleaner/q-9-0", "--body", "/nowhere/x"},
     NULL,
     2,
     NULL,
     "/nowhere/x"},
    {"purge refused",
     {"dead", "purge", "cleaner/q-9-0", "--author", "eve"},
     NULL,
     1,
     "cleaner/q-9-0: refused: not now, eve\n",
     NULL},
    {"purge what", {"dead", "purge"}, NULL, 2, NULL, "or --filter, or --all"},
    {"purge by two",
     {"dead", "purge", "--all", "--filter", "engine=x"},
     NULL,
     2,
     NULL,
     "or --all"},
    {"purge none",
     {"dead", "purge", "--filter", "engine=x", "--yes"},
     NULL,
     1,
     NULL,
     "no dead letter matches"},
    {"tail", {"event", "tail", "--once"}, NULL, 0, NULL, NULL},
    {"events", {"event", "list", "-oname"}, NULL, 0, NULL, NULL},
    /* one alarm */
    {"show",
     {"alarm", "show", "aa11"},
     NULL,
     0,
     "ENTITY           /resource/c/n/web1/disk\n",
     NULL},
    {"show resolved",
     {"alarm", "show", "cc"},
     NULL,
     0,
     "RESOLVED         1970-01-01 00:00:03\n",
     NULL},
    {"show steps",
     {"alarm", "show", "aa11", "--steps"},
     NULL,
     0,
     "   2  2001-09-09 01:46:40  statusinc  1      c.n     \n",
     NULL},
    {"show none", {"alarm", "show", "zz"}, NULL, 1, NULL, "begins with 'zz'"},
    {"show ambiguous",
     {"alarm", "show", "bb22"},
     NULL,
     1,
     NULL,
     "bb22000000000002"},
    {"explain",
     {"explain", "aa11", "-ojson"},
     NULL,
     0,
     "\"about\":\"end\"",
     NULL},
    {"explain none", {"explain", "zz"}, NULL, 1, NULL, "begins with 'zz'"},
    /* acting */
    {"ack",
     {"alarm", "ack", "aa11", "--message", "looking"},
     NULL,
     0,
     "=aa11000000000001: done\n",
     NULL},
    {"ack refused",
     {"alarm", "ack", "bb22000000000001"},
     NULL,
     1,
     "=bb22000000000001: refused: acknowledged already\n",
     NULL},
    {"bulk needs --yes",
     {"alarm", "ack", "--filter", "state>=1"},
     NULL,
     2,
     "web1",
     "--yes"},
    {"bulk",
     {"alarm", "ack", "--filter", "state>=1", "--yes"},
     NULL,
     4,
     "aa11000000000001: done\n",
     NULL},
    {"bulk of none",
     {"alarm", "ack", "--filter", "state=0", "-y"},
     NULL,
     1,
     NULL,
     "no open alarm matches"},
    {"dry run",
     {"alarm", "cancel", "aa11", "--dry-run"},
     NULL,
     0,
     "web1",
     "would act on 1 open alarm"},
    {"dry run on an entity",
     {"entity", "delete", "/component/c/n/web1", "--dry-run"},
     NULL,
     0,
     "web1",
     "would act on 1 entity and what belongs there"},
    {"an entity is asked for, even one",
     {"entity", "disable", "/component/c/n/web1"},
     NULL,
     2,
     "web1",
     "--yes"},
    {"an unknown entity",
     {"entity", "enable", "/component/c/n/nowhere", "--yes"},
     NULL,
     1,
     NULL,
     "no such entity"},
    {"no target", {"alarm", "ack"}, NULL, 2, NULL, "--filter"},
    {"two kinds of target",
     {"alarm", "ack", "aa11", "--filter", "x"},
     NULL,
     2,
     NULL,
     "--filter"},
    {"resolved alarm", {"alarm", "ack", "cc33"}, NULL, 1, NULL, "cc33"},
    {"snooze",
     {"alarm", "snooze", "aa11", "--for", "15m"},
     NULL,
     0,
     "done",
     NULL},
    {"snooze for ever", {"alarm", "snooze", "aa11"}, NULL, 2, NULL, "--for"},
    {"snooze nonsense",
     {"alarm", "snooze", "aa11", "--for", "x"},
     NULL,
     2,
     NULL,
     "--for"},
    {"comment",
     {"alarm", "comment", "aa11", "-m", "hm"},
     NULL,
     0,
     "done",
     NULL},
    {"comment nothing",
     {"alarm", "comment", "aa11"},
     NULL,
     2,
     NULL,
     "--message"},
    {"ticket",
     {"alarm", "ticket", "aa11", "INC-1", "--url", "http://x"},
     NULL,
     0,
     "done",
     NULL},
    {"ticket without alarm",
     {"alarm", "ticket", "INC-1"},
     NULL,
     2,
     NULL,
     "--filter"},
    {"state", {"alarm", "state", "aa11", "minor"}, NULL, 0, "done", NULL},
    {"bad state", {"alarm", "state", "aa11", "great"}, NULL, 2, NULL, "great"},
    {"result as json",
     {"alarm", "ack", "aa11", "-ojson"},
     NULL,
     0,
     "\"result\":\"done\",\"step\":3}\n",
     NULL},
    /* sending */
    {"send", {"send", E, "state=0"}, NULL, 0, "=1 accepted, 0 refused\n", NULL},
    {"send refused",
     {"send", E, "state=7"},
     NULL,
     1,
     "=0 accepted, 1 refused\n",
     "event 1: state: "},
    {"send no pair", {"send", "nonsense"}, NULL, 2, NULL, "key=value"},
    {"send json",
     {"send", "-j",
      "[{\"connector\":\"c\",\"connector_name\":\"n\","
      "\"component\":\"w\",\"state\":0},{}]"},
     NULL,
     4,
     "=1 accepted, 1 refused\n",
     "event 2: "},
    {"send lines",
     {"send"},
     "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"w\","
     "\"state\":0}\n{\"bad\n{\"connector\":\"c\",\"connector_name\":\"n\","
     "\"component\":\"w\",\"state\":0}\n",
     4,
     "=2 accepted, 1 refused\n",
     "event 2: "},
    {"send array",
     {"send"},
     "\n [{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"w\","
     "\"state\":0}]",
     0,
     "=1 accepted, 0 refused\n",
     NULL},
    {"send over lines",
     {"send", "-f", "-"},
     "{\n \"connector\":\"c\",\n \"connector_name\":\"n\",\n"
     " \"component\":\"w\",\n \"state\":0\n}\n",
     0,
     "=1 accepted, 0 refused\n",
     NULL},
    {"send nothing", {"send"}, "  \n", 2, NULL, "nothing"},
    {"send nonsense",
     {"send"},
     "hello",
     1,
     "=0 accepted, 1 refused\n",
     "event 1: "},
    {"send no file",
     {"send", "-f", "/nonexistent"},
     NULL,
     2,
     NULL,
     "/nonexistent"},
    {"send two ways", {"send", "-j", "{}", "a=b"}, NULL, 2, NULL, "one of"},
    /* metrics */
    {"metrics", {"metric", "list"}, NULL, 0, "free  1.235M        GAUGE", NULL},
    {"metrics of a component",
     {"metric", "list", "--component", "web1", "--search", "free"},
     NULL,
     0,
     "free  1.235M        GAUGE",
     NULL},
    {"metrics of another component",
     {"metric", "list", "--component", "web", "-oname"},
     NULL,
     0,
     "=",
     NULL},
    {"metrics of an entity",
     {"metric", "list", "--entity", "/x", "-oname"},
     NULL,
     0,
     NULL,
     NULL},
    {"points",
     {"metric", "show", "used", "--from", "0", "--to", "100", "-ocsv"},
     NULL,
     0,
     "=t,value\r\n10,1\r\n20.5,3.5\r\n70,5\r\n",
     NULL},
    {"points by step",
     {"metric", "show", "used", "--from", "0", "--to", "100", "--step", "1m",
      "-ojson"},
     NULL,
     0,
     "={\"t\":0,\"min\":1,\"mean\":2.25,\"max\":3.5,\"last\":3.5,\"count\":2}\n"
     "{\"t\":60,\"min\":5,\"mean\":5,\"max\":5,\"last\":5,\"count\":1}\n",
     NULL},
    {"points aggregated",
     {"metric", "show", "used", "--from", "0", "--to", "100", "--step", "1m",
      "--agg", "max", "-ocsv"},
     NULL,
     0,
     "=t,value\r\n0,3.5\r\n60,5\r\n",
     NULL},
    {"picture",
     {"metric", "show", "used", "--from", "0", "--to", "100"},
     NULL,
     0,
     "min 1  max 5  last 5  unit %  warn 80  crit 90  points 3\n",
     NULL},
    {"picture of a counter",
     {"metric", "show", "if/rx", "--from", "0", "--to", "100"},
     NULL,
     0,
     "min 1  max 20  last 1  points 2  as rates a second\n",
     NULL},
    {"picture of a counter as it is stored",
     {"metric", "show", "if/rx", "--from", "0", "--to", "100", "--raw"},
     NULL,
     0,
     "min 100  max 310  last 310  points 3\n",
     NULL},
    {"picture by minutes",
     {"metric", "show", "used", "--from", "0", "--to", "100", "--resolution",
      "minute"},
     NULL,
     0,
     "a column is 60s",
     NULL},
    {"picture of a day",
     {"metric", "show", "used", "--from", "0", "--to", "86400"},
     NULL,
     0,
     "a column is 30m",
     NULL},
    {"points by hours",
     {"metric", "show", "used", "--from", "0", "--to", "100", "--resolution",
      "hour", "-ocsv"},
     NULL,
     0,
     "=t,min,mean,max,last,count\r\n0,1,3.1666666666666665,5,5,3\r\n",
     NULL},
    {"picture's axis",
     {"metric", "show", "used", "--from=0", "--to=100"},
     NULL,
     0,
     "       5 ┐",
     NULL},
    {"empty picture",
     {"metric", "show", "used", "--from=200", "--to=300"},
     NULL,
     0,
     "no points in this time\n",
     NULL},
    {"several metrics",
     {"metric", "show", "disk"},
     NULL,
     1,
     NULL,
     "/resource/c/n/web1/disk/used"},
    {"no metric", {"metric", "show", "nothing"}, NULL, 1, NULL, "nothing"},
    {"bad time",
     {"metric", "show", "used", "--from", "x"},
     NULL,
     2,
     NULL,
     "--from"},
    {"time backwards",
     {"metric", "show", "used", "--from=5", "--to=4"},
     NULL,
     2,
     NULL,
     "before --to"},
    /* watching */
    {"watch: nothing changes", {"watch", "--once"}, NULL, 0, NULL, NULL},
    {"watch: the open ones",
     {"watch", "--all", "--once"},
     NULL,
     0,
     "=2001-09-09 01:46:40 minor db2: slow [ongoing]\n"
     "2001-09-09 01:46:40 critical db1: down [flapping ack]\n"
     "2001-09-09 01:46:40 major web1/disk: 95%  [31mfull, \"/\" [ongoing]\n",
     NULL},
    {"watch: by a filter, as json",
     {"watch", "--all", "--once", "--filter", "state=3", "-ojson"},
     NULL,
     0,
     "{\"id\":\"bb22000000000001\"",
     NULL},
    {"watch: bad filter",
     {"watch", "--filter", "(("},
     NULL,
     2,
     NULL,
     "--filter: "},
    {"watch: too often",
     {"watch", "--interval", "1ms"},
     NULL,
     2,
     NULL,
     "from 100ms"},
    {"watch: nobody there",
     {"watch", "--server", "http://127.0.0.1:1"},
     NULL,
     3,
     NULL,
     "cannot reach"},
    /* profiles */
    {"profile",
     {"--profile", "here", "alarm", "list", "-oname", "--filter", "state=3"},
     NULL,
     0,
     "=bb22000000000001\n",
     NULL},
    {"profile: goes before the environment",
     {"--profile", "away", "alarm", "list"},
     NULL,
     3,
     NULL,
     "http://127.0.0.1:1"},
    {"profile: an option goes before it",
     {"--profile", "here", "alarm", "list", "--server", "127.0.0.1:1"},
     NULL,
     3,
     NULL,
     "http://127.0.0.1:1"},
    {"profile: what it says",
     {"--profile", "local", "--print-config"},
     NULL,
     0,
     "config_dir = /nonexistent/etc  # profile\n",
     NULL},
    {"profile: none",
     {"--profile", "nope", "alarm", "list"},
     NULL,
     2,
     NULL,
     "there is no profile 'nope'"},
    {"profile list",
     {"profile", "list", "-oname", "--profile", "here"},
     NULL,
     0,
     "=here\naway\nlocal\n",
     NULL},
    /* the rest */
    {"top", {"top", "--once"}, NULL, 0, "engine-alarm", NULL},
    {"top as json",
     {"top", "-ojson"},
     NULL,
     0,
     "\"name\":\"engine-alarm\"",
     NULL},
    {"doctor",
     {"doctor"},
     NULL,
     1,
     "WRONG  engine-alarm: not started\n       -> service engine-alarm",
     NULL},
    {"doctor for programs",
     {"doctor", "-ojson"},
     NULL,
     1,
     "\"name\":\"engine-alarm\",\"well\":false,\"found\":\"not started\"",
     NULL},
    {"doctor tells of the dead",
     {"doctor"},
     NULL,
     1,
     "WRONG  dead letters: 1\n",
     NULL},
    {"doctor away",
     {"doctor", "--server", "127.0.0.1:1"},
     NULL,
     3,
     "WRONG  API: http://127.0.0.1:1",
     "cannot reach"},
    {"filter", {"filter", "check", "state>=2"}, NULL, 0, "state gte 2", NULL},
    {"filter as json",
     {"filter", "check", "state>=2", "-ojson"},
     NULL,
     0,
     "={\"state\":{\"$gte\":2}}\n",
     NULL},
    {"template",
     {"template", "check", "a {{event.component | upper}}"},
     NULL,
     0,
     NULL,
     NULL},
    {"template with an event",
     {"template", "check",
      "{{event.output}}{{#event.tags}} {{.}}{{/event.tags}}", "--target",
      "html", "--event", "-"},
     "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"w\","
     "\"state\":1,\"output\":\"a<b\",\"tags\":[\"x\"]}",
     0,
     "=a&lt;b x\n",
     NULL},
    {"template of a file",
     {"template", "check", "--file", "-", "--json",
      "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"w\","
      "\"state\":1,\"team\":\"ops\"}"},
     "{{event.state | state}} {{event.extra.team}}",
     0,
     "=minor ops\n",
     NULL},
    {"template with names that are none",
     {"template", "check", "{{event.team}} {{event.infos.x}}"},
     NULL,
     4,
     NULL,
     "event.team: no event has it"},
    {"template with a name that is no event's",
     {"template", "check", "{{output}}"},
     NULL,
     4,
     NULL,
     "output: no event has it"},
    {"template with another's member",
     {"template", "check", "{{event.state.name}}"},
     NULL,
     4,
     NULL,
     "event.state.name: no event"},
    {"template refused",
     {"template", "check", "{{event.output | shell}}"},
     NULL,
     1,
     NULL,
     "line 1, column 18"},
    {"template for nowhere",
     {"template", "check", "a", "--target", "shell"},
     NULL,
     2,
     NULL,
     "text, html, json, header"},
    {"which template", {"template", "check"}, NULL, 2, NULL, "--file FILE"},
    {"template and a bad event",
     {"template", "check", "a", "--json", "{\"state\":1}"},
     NULL,
     1,
     NULL,
     "connector"},
    {"filter refused", {"filter", "check", "state>="}, NULL, 1, NULL, "column"},
    /* objects: each row goes on where the one before ended */
    {"apply: dry run",
     {"apply", "--file", "-", "--dry-run"},
     RULE("calm", "\"priority\":200," SET_1),
     0,
     "=eventfilter/calm: would be created\n",
     NULL},
    {"apply: a line each",
     {"apply", "-f", "-", "--author", "ann"},
     RULE("calm", "\"priority\":200," SET_1) "\n" RULE("drop", DROP_LAB),
     0,
     "=eventfilter/calm: created\neventfilter/drop: created\n",
     NULL},
    {"apply: an array, again",
     {"apply", "-f", "-"},
     "[" RULE("calm", "\"priority\":200," SET_1) "," RULE("drop", DROP_LAB) "]",
     0,
     "=eventfilter/calm: unchanged\neventfilter/drop: unchanged\n",
     NULL},
    {"apply: a part is refused",
     {"apply", "-f", "-"},
     RULE("bad", "\"actions\":[{\"type\":\"explode\"}]") "\n" RULE(
         "calm", "\"priority\":50," SET_1),
     4,
     "=eventfilter/calm: changed\n",
     "spec.actions[0].type"},
    {"apply: without a kind",
     {"apply", "-f", "-"},
     "{\"name\":\"x\",\"spec\":{}}",
     1,
     NULL,
     "standard input, object 1: expected kind, name and spec"},
    {"apply: neither JSON nor YAML",
     {"apply", "-f", "-"},
     "kind: [eventfilter\n",
     2,
     NULL,
     "expected objects as JSON"},
    {"apply: nobody there",
     {"apply", "-f", "-", "--server", "http://127.0.0.1:1"},
     RULE("calm", SET_1),
     3,
     NULL,
     "cannot reach"},
    {"apply: YAML without a name",
     {"apply", "-f", "-"},
     "kind: eventfilter\n",
     1,
     NULL,
     "expected kind, name and spec"},
    {"apply: prune what",
     {"apply", "-f", "-", "--prune"},
     "",
     2,
     NULL,
     "--prune needs --set"},
    {"apply: no file", {"apply"}, NULL, 2, NULL, "--file"},
    {"apply: a file that is not there",
     {"apply", "-f", "/nonexistent/x"},
     NULL,
     2,
     NULL,
     "/nonexistent/x"},
    {"eventfilter list: by priority",
     {"eventfilter", "list", "-o", "name"},
     NULL,
     0,
     "=calm\ndrop\n",
     NULL},
    {"eventfilter list: a table",
     {"eventfilter", "list"},
     NULL,
     0,
     "calm",
     NULL},
    {"eventfilter show",
     {"eventfilter", "show", "calm"},
     NULL,
     0,
     "PRIORITY",
     NULL},
    {"eventfilter show: none",
     {"eventfilter", "show", "none"},
     NULL,
     1,
     NULL,
     "there is no eventfilter of this name"},
    {"eventfilter check: good",
     {"eventfilter", "check", "-"},
     RULE("x", SET_1),
     0,
     "=x: good\n",
     NULL},
    {"eventfilter check: bad",
     {"eventfilter", "check", "-"},
     RULE("x", "\"actions\":[]"),
     1,
     NULL,
     "spec.actions"},
    {"eventfilter test: what changes",
     {"eventfilter", "test", "--event", "-"},
     "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"w\","
     "\"state\":3}",
     0,
     "=pass /component/c/n/w\n"
     "  rule calm: applied\n"
     "  state: 3 -> 1\n"
     "tested 1: 1 pass (1 changed), 0 dropped, 0 to the dead letters\n",
     NULL},
    {"eventfilter test: one rule alone",
     {"eventfilter", "test", "drop", "--json",
      "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":"
      "\"lab1\",\"state\":3}"},
     NULL,
     0,
     "=drop /component/c/n/lab1\n"
     "  rule drop: dropped\n"
     "tested 1: 0 pass (0 changed), 1 dropped, 0 to the dead letters\n",
     NULL},
    {"eventfilter test: a rule of a file, in its place",
     {"eventfilter", "test", "--file", "-", "--json",
      "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":"
      "\"lab1\",\"state\":3}",
      "-o", "json"},
     "{\"name\":\"drop\",\"spec\":{\"enabled\":false," DROP_LAB "}}",
     0,
     "\"passed\":1",
     NULL},
    {"eventfilter test: of the log",
     {"eventfilter", "test", "--replay", "1h"},
     NULL,
     0,
     "tested 0",
     NULL},
    {"eventfilter test: all of the log",
     {"eventfilter", "test", "--replay", "30000d", "--file", "-"},
     RULE("log", "\"filter\":\"connector=old\"," SET_1) "\n" RULE(
         "gone", "\"filter\":\"component=lost\",\"actions\":[{\"type\":"
                 "\"drop\"}]"),
     0,
     "rule gone: 1 matched, 1 dropped, 0 failed\n"
     "rule log: 2 matched, 0 dropped, 0 failed\n"
     "tested 3: 2 pass (1 changed), 1 dropped, 0 to the dead letters\n",
     NULL},
    {"eventfilter test: examples of the log",
     {"eventfilter", "test", "--replay", "30000d", "--file", "-"},
     RULE("log", "\"filter\":\"connector=old\"," SET_1),
     0,
     "  rule log: applied\n"
     "  state: 2 -> 1\n",
     NULL},
    {"eventfilter test: some of the log",
     {"eventfilter", "test", "--replay", "30000d", "--limit", "1"},
     NULL,
     0,
     "there were more (--limit)",
     NULL},
    {"eventfilter test: the log as JSON",
     {"eventfilter", "test", "--replay", "30000d", "--limit", "0", "-ojson"},
     NULL,
     0,
     "{\"tested\":3,\"passed\":3,\"changed\":2,\"dropped\":0,\"dead\":0,"
     "\"more\":false,\"rules\":[",
     NULL},
    {"eventfilter test: a bad limit",
     {"eventfilter", "test", "--replay", "1h", "--limit", "x"},
     NULL,
     2,
     NULL,
     "--limit"},
    {"eventfilter test: which event",
     {"eventfilter", "test"},
     NULL,
     2,
     NULL,
     "which event?"},
    {"eventfilter test: no such event",
     {"eventfilter", "test", "--id", "q-77-0"},
     NULL,
     1,
     NULL,
     "there is no such event"},
    {"eventfilter test: an event that is refused",
     {"eventfilter", "test", "--json", "{\"connector\":\"c\"}"},
     NULL,
     1,
     NULL,
     "event"},
    {"eventfilter history",
     {"eventfilter", "history", "calm", "-o", "json"},
     NULL,
     0,
     "\"author\":\"ann\"",
     NULL},
    {"eventfilter history: none",
     {"eventfilter", "history", "none"},
     NULL,
     1,
     NULL,
     "never"},
    {"eventfilter restore",
     {"eventfilter", "restore", "calm", "1"},
     NULL,
     0,
     "=calm: version 3, as version 1 was\n",
     NULL},
    {"eventfilter restore: none",
     {"eventfilter", "restore", "calm", "9"},
     NULL,
     1,
     NULL,
     "not kept"},
    {"export",
     {"export", "eventfilter"},
     NULL,
     0,
     "={\"kind\":\"eventfilter\",\"name\":\"calm\",\"spec\":{\"priority\":"
     "200," SET_1
     "}}\n{\"kind\":\"eventfilter\",\"name\":\"drop\",\"spec\":{" DROP_LAB
     "}}\n",
     NULL},
    {"export: every kind", {"export"}, NULL, 0, "\"calm\"", NULL},
    {"export: YAML",
     {"export", "eventfilter", "-o", "yaml"},
     NULL,
     0,
     "=---\nkind: eventfilter\nname: calm\nspec:\n  priority: 200\n"
     "  actions:\n  - type: set\n    field: state\n    value: 1\n"
     "---\nkind: eventfilter\nname: drop\nspec:\n"
     "  filter: component~\"^lab\"\n  actions:\n  - type: drop\n",
     NULL},
    {"export: as a table", {"export", "-o", "csv"}, NULL, 2, NULL, "yaml"},
    /* sets: calm and drop belong to none */
    {"set: YAML, two documents",
     {"apply", "-f", "-", "--set", "site"},
     "kind: eventfilter\nname: one\nlabels: {team: a}\nspec:\n"
     "  actions: [{type: drop}]\n---\n"
     "- {kind: eventfilter, name: two, spec: {actions: [{type: drop}]}}\n",
     0,
     "=eventfilter/one: created\neventfilter/two: created\n",
     NULL},
    {"set: its label beside others",
     {"export", "eventfilter"},
     NULL,
     0,
     "\"name\":\"one\",\"labels\":{\"team\":\"a\",\"set\":\"site\"}",
     NULL},
    {"set: not into another",
     {"apply", "-f", "-", "--set", "other"},
     RULE("one", SET_1),
     1,
     NULL,
     "one belongs to the set 'site'"},
    {"prune: dry run",
     {"apply", "-f", "-", "--set", "site", "--prune", "--dry-run"},
     RULE("two", "\"actions\":[{\"type\":\"drop\"}]"),
     0,
     "=eventfilter/two: unchanged\neventfilter/one: would be deleted\n",
     NULL},
    {"prune: nobody to ask",
     {"apply", "-f", "-", "--set", "site", "--prune"},
     RULE("two", "\"actions\":[{\"type\":\"drop\"}]"),
     4,
     "=eventfilter/two: unchanged\n",
     "eventfilter/one is not among them"},
    {"prune: not by a list with mistakes",
     {"apply", "-f", "-", "--set", "site", "--prune", "--yes"},
     RULE("two", "\"actions\":[{\"type\":\"drop\"}]") "\n" RULE(
         "bad", "\"actions\":[{\"type\":\"explode\"}]"),
     4,
     "=eventfilter/two: unchanged\n",
     "nothing is pruned"},
    {"prune: not by nothing",
     {"apply", "-f", "-", "--set", "site", "--prune", "--yes"},
     "# nothing yet\n",
     1,
     NULL,
     "there is no object at all"},
    {"prune: only of the set",
     {"apply", "-f", "-", "--set", "site", "--prune", "--yes"},
     RULE("two", "\"actions\":[{\"type\":\"drop\"}]"),
     0,
     "=eventfilter/two: unchanged\neventfilter/one: deleted\n",
     "eventfilter/one is not among them"},
    {"prune: the others are there",
     {"eventfilter", "list", "-o", "name"},
     NULL,
     0,
     "two\n",
     NULL},
    {"set: gone",
     {"eventfilter", "delete", "two", "--yes"},
     NULL,
     0,
     "=two: deleted\n",
     NULL},
    {"eventfilter delete: nobody to ask",
     {"eventfilter", "delete", "calm"},
     NULL,
     1,
     NULL,
     "--yes"},
    {"alarmrule apply",
     {"apply", "--file", "-"},
     "{\"kind\":\"alarmrule\",\"name\":\"slow\",\"spec\":{\"filter\":"
     "\"component=db1\",\"resolve_after\":\"10m\"}}",
     0,
     "=alarmrule/slow: created\n",
     NULL},
    {"alarmrule check",
     {"alarmrule", "check", "-"},
     "{\"name\":\"fast\",\"spec\":{\"resolve_after\":\"soon\"}}",
     1,
     NULL,
     "spec.resolve_after: expected seconds"},
    {"alarmrule list",
     {"alarmrule", "list", "-ocsv"},
     NULL,
     0,
     ",slow,,component=db1,10m,,,,,,1,",
     NULL},
    {"alarmrule show",
     {"alarmrule", "show", "slow"},
     NULL,
     0,
     "RESOLVE AFTER    10m\n",
     NULL},
    {"alarmrule delete",
     {"alarmrule", "delete", "slow", "--yes"},
     NULL,
     0,
     "=slow: deleted\n",
     NULL},
    {"eventfilter delete",
     {"eventfilter", "delete", "calm", "none", "drop", "--yes"},
     NULL,
     4,
     "=calm: deleted\ndrop: deleted\n",
     "there is no eventfilter"},
    {"eventfilter list: none left",
     {"eventfilter", "list", "-o", "name"},
     NULL,
     0,
     "=",
     NULL},
};

static void check_text(const char *got, const char *want)
{
    if (want == NULL) {
        assert_string_equal(got, "");
    } else if (want[0] == '=') {
        assert_string_equal(got, want + 1);
    } else if (strstr(got, want) == NULL) {
        assert_string_equal(got, want); /* shows both */
    }
}

static void check_hyp(void **state)
{
    const struct hyp_row *row = *state;
    struct run run;

    run_hyp(row->args, row->input, &run);
    check_text(run.err, row->err);
    check_text(run.out, row->out);
    assert_int_equal(run.code, row->code);
    free(run.out);
    free(run.err);
}

/* What is wrong in the file of profiles, and where. */
static const struct {
    const char *name, *text, *err;
} bad_profiles[] = {
    {"no key", "[a]\nserver = x\n", "needs server and key_file"},
    {"no key, another behind", "[a]\nserver = x\n[b]\nconfig_dir = /x\n",
     "profiles.conf:3: "},
    {"unknown", "[a]\nserver = x\nkey = y\n", "profiles.conf:3: "},
    {"twice", "[a]\nserver = x\nserver = y\n", "profiles.conf:3: "},
};

static void check_bad_profiles(void **state)
{
    static const char *const args[] = {"--profile", "a", "version", NULL};

    (void)state;
    for (size_t i = 0; i < N_ROWS(bad_profiles); i++) {
        char config[64];
        struct run run;

        make_config(config, sizeof config, bad_profiles[i].text);
        (void)setenv("XDG_CONFIG_HOME", config, 1);
        run_hyp(args, NULL, &run);
        (void)unsetenv("XDG_CONFIG_HOME");
        drop_config(config);
        if (run.code != 2 || strstr(run.err, bad_profiles[i].err) == NULL) {
            fail_msg("%s: %d, %s", bad_profiles[i].name, run.code, run.err);
        }
        free(run.out);
        free(run.err);
    }
}

/* More lines than one request takes. */
static void send_many(void **state)
{
    static const char *const args[] = {"send", NULL};
    struct run run;
    struct buf input;

    (void)state;
    buf_init(&input, 16 * 1024 * 1024);
    for (int i = 0; i < 20000; i++) {
        buf_addf(&input,
                 "{\"connector\":\"c\",\"connector_name\":\"n\","
                 "\"component\":\"w%d\",\"state\":%d,\"output\":"
                 "\"a text that makes the line longer than it needs to be, so "
                 "that several requests are needed for all of them\"}\n",
                 i, i == 19999 ? 9 : 0);
    }
    run_hyp(args, buf_str(&input), &run);
    check_text(run.err, "event 20000: state");
    assert_string_equal(run.out, "19999 accepted, 1 refused\n");
    assert_int_equal(run.code, 4);
    buf_fini(&input);
    free(run.out);
    free(run.err);
}

int main(void)
{
    const struct row_table tables[] = {ROWS(hyps, check_hyp),
                                       ROW_SINGLE(check_bad_profiles),
                                       ROW_SINGLE(send_many)};
    int code;

    (void)unsetenv("XDG_CONFIG_HOME"); /* what the caller has of its own */
    (void)unsetenv("HYP_PROFILE");
    start_stub();
    code = rows_run("hyp", tables, N_ROWS(tables));
    stop_stub();
    return code;
}
