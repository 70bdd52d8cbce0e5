/* SPDX-License-Identifier: Apache-2.0 */
/** hypcontrol: starts, stops and shows the whole suite. */
#include <stdio.h>
#include <string.h>

#include "control/cmdline.h"
#include "control/reload.h"
#include "control/repartition.h"
#include "control/report.h"
#include "control/run.h"

typedef int command_fn(struct suite *suite, const struct cmdline *line);

static int tell(enum err err, const struct errbuf *why)
{
    if (err == ERR_OK) {
        return EXIT_DONE;
    }
    (void)fprintf(stderr, "hypcontrol: %s\n", why->text);
    return EXIT_NOT_SO;
}

static int64_t wait_ms(const struct suite *suite, const struct cmdline *line)
{
    return line->wait_ms > 0 ? line->wait_ms : suite->conf.wait_ms;
}

static int print(struct buf *out)
{
    bool whole = fwrite(buf_str(out), 1, out->len, stdout) == out->len &&
                 fflush(stdout) == 0;
    buf_fini(out);
    return whole ? EXIT_DONE : EXIT_NOT_SO;
}

static int command_start(struct suite *suite, const struct cmdline *line)
{
    struct errbuf why = {0};
    return tell(run_start_suite(suite, wait_ms(suite, line), &why), &why);
}

static int command_stop(struct suite *suite, const struct cmdline *line)
{
    struct errbuf why = {0};
    return tell(run_stop_suite(suite, wait_ms(suite, line), &why), &why);
}

static int command_restart(struct suite *suite, const struct cmdline *line)
{
    int stopped = command_stop(suite, line);
    return stopped == EXIT_DONE ? command_start(suite, line) : stopped;
}

static int command_reload(struct suite *suite, const struct cmdline *line)
{
    struct buf out;
    buf_init(&out, REPORT_MAX);
    bool good = reload_suite(suite, wait_ms(suite, line), &out);
    int printed = print(&out);
    return good ? printed : EXIT_NOT_SO;
}

static int command_status(struct suite *suite, const struct cmdline *line)
{
    struct buf out;
    buf_init(&out, REPORT_MAX);
    bool ready = report_status(suite, NULL,
                               line->json ? REPORT_JSON : REPORT_TABLE, &out);
    int printed = print(&out);
    return ready ? printed : EXIT_NOT_SO;
}

static int command_urls(struct suite *suite, const struct cmdline *line)
{
    struct buf out;
    struct errbuf why = {0};
    buf_init(&out, REPORT_MAX);
    enum err err =
        report_urls(suite, line->secrets,
                    line->json ? REPORT_JSON : REPORT_TABLE, &out, &why);
    int printed = print(&out);
    return err == ERR_OK ? printed : tell(err, &why);
}

static int command_repartition(struct suite *suite, const struct cmdline *line)
{
    const struct repartition_request request = {.prefix = line->prefix,
                                                .numbers = line->words + 1,
                                                .n = (size_t)line->n - 1,
                                                .dry_run = line->dry_run,
                                                .wait_ms = line->wait_ms,
                                                .rewriter = line->rewriter};
    struct errbuf why = {0};
    return tell(repartition_run(suite, &request, &why), &why);
}

enum {
    COMMAND_START,
    COMMAND_STOP,
    COMMAND_RESTART,
    COMMAND_STATUS,
    COMMAND_RELOAD,
    COMMAND_URLS,
    COMMAND_REPARTITION,
    N_COMMANDS
};

static const struct conf_word command_words[] = {
    [COMMAND_START] = {"start", NULL,
                       "section by section, each when the one before is "
                       "ready"},
    [COMMAND_STOP] = {"stop", NULL,
                      "backwards, each service ending its work first"},
    [COMMAND_RESTART] = {"restart", NULL, "stop, then start"},
    [COMMAND_STATUS] = {"status", NULL,
                        "every service: state, process, restarts, ready, why "
                        "not"},
    [COMMAND_RELOAD] = {"reload", NULL,
                        "every program of the suite reads its configuration "
                        "again and tells what it took, what needs a restart, "
                        "what it refused"},
    [COMMAND_URLS] = {"urls", NULL,
                      "where the API, the bus and the store answer"},
    [COMMAND_REPARTITION] = {"repartition", "[ENGINE=N...]",
                             "give engines other numbers of partitions while "
                             "sources send on; without numbers, go on with "
                             "what was not ended"},
    [N_COMMANDS] = {0}};

static command_fn *const command_fns[N_COMMANDS] = {
    [COMMAND_START] = command_start,
    [COMMAND_STOP] = command_stop,
    [COMMAND_RESTART] = command_restart,
    [COMMAND_STATUS] = command_status,
    [COMMAND_RELOAD] = command_reload,
    [COMMAND_URLS] = command_urls,
    [COMMAND_REPARTITION] = command_repartition};

static const struct conf_word option_words[] = {
    {"--wait", "DURATION",
     "how long start, stop, restart and reload may take (90s, 2m; default: "
     "hypcontrol.conf)"},
    {"--json", NULL, "status and urls for programs"},
    {"--secrets", NULL, "urls with the passwords"},
    {"--dry-run", NULL, "repartition only tells what it would do"},
    CMDLINE_COMMON_OPTIONS,
    {0}};

static command_fn *find_command(const struct cmdline *line)
{
    int i = line->n > 0 ? cmdline_find(command_words, line->words[0]) : -1;

    return i == COMMAND_REPARTITION || (i >= 0 && line->n == 1) ? command_fns[i]
                                                                : NULL;
}

static struct conf_program describe(void)
{
    struct conf_program program = cmdline_program("hypcontrol");

    program.summary = "starts, stops and shows the whole suite";
    program.description =
        "The services stand in hypcontrol.conf in three sections. Those of a "
        "section start together, the next section starts when all of them "
        "are ready, and stopping goes backwards. supervisord runs them; it is "
        "started when it does not run. Root becomes the user that owns the "
        "suite.";
    program.usage = "COMMAND [OPTION]...";
    program.commands = command_words;
    program.options = option_words;
    program.example = "  hypcontrol start --wait 2m\n"
                      "  hypcontrol status --json\n"
                      "  hypcontrol urls --secrets\n";
    return program;
}

int main(int argc, char **argv)
{
    const struct conf_program program = describe();
    struct cmdline line;
    struct suite suite;
    struct errbuf why = {0};
    int code = cmdline_parse(&program, argc, argv, &line);

    if (code != CMDLINE_GO_ON) {
        return code;
    }
    command_fn *command = find_command(&line);
    if (command == NULL) {
        return cmdline_usage(&program);
    }
    if (command == command_repartition) {
        line.rewriter = rewriter_new(line.prefix); /* as root, if it is */
    }
    enum err err = suite_open(&suite, line.prefix, &why);
    if (err == ERR_OK) {
        code = command(&suite, &line);
        suite_close(&suite);
    } else {
        code = tell(err, &why);
    }
    rewriter_free(line.rewriter);
    return code;
}
