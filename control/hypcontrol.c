/* SPDX-License-Identifier: Apache-2.0 */
/** hypcontrol: starts, stops and shows the whole suite. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "control/repartition.h"
#include "control/report.h"
#include "control/run.h"

enum {
    EXIT_DONE = 0,
    EXIT_NOT_SO = 1,
    EXIT_USAGE = 2
};

struct arguments {
    const char *prefix;
    int64_t wait_ms; /* 0: as configured */
    bool json;
    bool secrets;
    bool dry_run;
    char *const *words; /* n_words behind the command */
    size_t n_words;
    struct rewriter *rewriter;
};

typedef int command_fn(struct suite *suite, const struct arguments *arguments);

struct command {
    const char *name;
    command_fn *run;
    bool takes_words;
};

static const char help_text[] =
    "hypcontrol: starts, stops and shows the whole suite\n"
    "\n"
    "usage: hypcontrol start|stop|restart [--wait DURATION]\n"
    "       hypcontrol status [--json]\n"
    "       hypcontrol reload\n"
    "       hypcontrol urls [--secrets] [--json]\n"
    "       hypcontrol repartition [ENGINE=N...] [--dry-run] [--wait DURATION]\n"
    "\n"
    "  start     section by section, each when the one before is ready\n"
    "  stop      backwards, each service ending its work first\n"
    "  status    every service: state, process, restarts, ready, why not\n"
    "  reload    every engine reads its configuration again\n"
    "  urls      where the API, the bus and the store answer\n"
    "  repartition  give engines other numbers of partitions, while sources\n"
    "            send on; without ENGINE=N, go on with what was not ended\n"
    "\n"
    "  --wait DURATION   how long to wait until it is so (90s, 2m; default:\n"
    "                    hypcontrol.conf)\n"
    "  --json            for programs\n"
    "  --secrets         with the passwords\n"
    "  --dry-run         tell what would be done\n"
    "  --prefix DIR      the suite installed there\n"
    "  --help            this text\n"
    "\n"
    "exit status: 0 all that was asked for is so, 1 it is not, 2 usage\n";

static int tell(enum err err, const struct errbuf *why)
{
    if (err == ERR_OK) {
        return EXIT_DONE;
    }
    (void)fprintf(stderr, "hypcontrol: %s\n", why->text);
    return EXIT_NOT_SO;
}

static int64_t wait_ms(const struct suite *suite,
                       const struct arguments *arguments)
{
    return arguments->wait_ms > 0 ? arguments->wait_ms : suite->conf.wait_ms;
}

static int print(struct buf *out)
{
    bool whole = fwrite(buf_str(out), 1, out->len, stdout) == out->len &&
                 fflush(stdout) == 0;
    buf_fini(out);
    return whole ? EXIT_DONE : EXIT_NOT_SO;
}

static int command_start(struct suite *suite, const struct arguments *arguments)
{
    struct errbuf why = {0};
    return tell(run_start_suite(suite, wait_ms(suite, arguments), &why), &why);
}

static int command_stop(struct suite *suite, const struct arguments *arguments)
{
    struct errbuf why = {0};
    return tell(run_stop_suite(suite, wait_ms(suite, arguments), &why), &why);
}

static int command_restart(struct suite *suite, const struct arguments *arguments)
{
    int stopped = command_stop(suite, arguments);
    return stopped == EXIT_DONE ? command_start(suite, arguments) : stopped;
}

static int command_reload(struct suite *suite, const struct arguments *arguments)
{
    struct errbuf why = {0};
    (void)arguments;
    return tell(run_reload_suite(suite, &why), &why);
}

static int command_status(struct suite *suite, const struct arguments *arguments)
{
    struct buf out;
    buf_init(&out, REPORT_MAX);
    bool ready = report_status(
        suite, NULL, arguments->json ? REPORT_JSON : REPORT_TABLE, &out);
    int printed = print(&out);
    return ready ? printed : EXIT_NOT_SO;
}

static int command_urls(struct suite *suite, const struct arguments *arguments)
{
    struct buf out;
    struct errbuf why = {0};
    buf_init(&out, REPORT_MAX);
    enum err err =
        report_urls(suite, arguments->secrets,
                    arguments->json ? REPORT_JSON : REPORT_TABLE, &out, &why);
    int printed = print(&out);
    return err == ERR_OK ? printed : tell(err, &why);
}

static int command_repartition(struct suite *suite,
                               const struct arguments *arguments)
{
    const struct repartition_request request = {
        .prefix = arguments->prefix,
        .numbers = arguments->words,
        .n = arguments->n_words,
        .dry_run = arguments->dry_run,
        .wait_ms = arguments->wait_ms,
        .rewriter = arguments->rewriter};
    struct errbuf why = {0};
    return tell(repartition_run(suite, &request, &why), &why);
}

static const struct command commands[] = {
    {"reload", command_reload, false},
    {"repartition", command_repartition, true},
    {"restart", command_restart, false},
    {"start", command_start, false},
    {"status", command_status, false},
    {"stop", command_stop, false},
    {"urls", command_urls, false},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static bool take_wait(const char *text, struct arguments *arguments)
{
    struct errbuf why = {0};
    if (clock_parse_duration(text, &arguments->wait_ms, &why) == ERR_OK &&
        arguments->wait_ms > 0) {
        return true;
    }
    (void)fprintf(
        stderr, "hypcontrol: --wait %s: expected a duration like 90s\n", text);
    return false;
}

static const struct option long_options[] = {
    {"dry-run", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {"json", no_argument, NULL, 'j'},
    {"prefix", required_argument, NULL, 'p'},
    {"secrets", no_argument, NULL, 's'},
    {"wait", required_argument, NULL, 'w'},
    {0}};

/* Returns -1 to go on, else the code to exit with. */
static int take_option(int option, struct arguments *arguments)
{
    switch (option) {
    case 'h':
        (void)fputs(help_text, stdout);
        return EXIT_DONE;
    case 'j':
        arguments->json = true;
        return -1;
    case 'n':
        arguments->dry_run = true;
        return -1;
    case 'p':
        arguments->prefix = optarg;
        return -1;
    case 's':
        arguments->secrets = true;
        return -1;
    case 'w':
        return take_wait(optarg, arguments) ? -1 : EXIT_USAGE;
    default:
        return EXIT_USAGE;
    }
}

static int take_options(int argc, char **argv, struct arguments *arguments)
{
    int option;
    int code = -1;
    while (code < 0 &&
           (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        code = take_option(option, arguments);
    }
    return code;
}

/* What follows the options: a command, and its words if it takes some. */
static const struct command *take_command(int argc, char **argv,
                                          struct arguments *arguments)
{
    const struct command *command =
        optind < argc ? find_command(argv[optind]) : NULL;
    if (command == NULL || (!command->takes_words && optind + 1 != argc)) {
        return NULL;
    }
    arguments->words = argv + optind + 1;
    arguments->n_words = (size_t)(argc - optind - 1);
    if (command->takes_words) {
        arguments->rewriter = rewriter_new(arguments->prefix);
    }
    return command;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct suite suite;
    struct errbuf why = {0};
    int code = take_options(argc, argv, &arguments);
    if (code >= 0) {
        return code;
    }
    const struct command *command = take_command(argc, argv, &arguments);
    if (command == NULL) {
        (void)fputs(help_text, stderr);
        return EXIT_USAGE;
    }
    enum err err = suite_open(&suite, arguments.prefix, &why);
    if (err != ERR_OK) {
        rewriter_free(arguments.rewriter);
        return tell(err, &why);
    }
    code = command->run(&suite, &arguments);
    suite_close(&suite);
    rewriter_free(arguments.rewriter);
    return code;
}
