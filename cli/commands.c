/* SPDX-License-Identifier: Apache-2.0 */
/** The one table of commands: names, options, help. */
#include "cli/hyp.h"
#include "cli/listing.h"

#define ACT_OPTIONS "filter message author yes dry-run output"

#define ACT_HELP                                                               \
    "ID is the id of an open alarm, or its first characters when no other\n"   \
    "begins so. With --filter, or more than one ID, what will be hit is\n"     \
    "shown and you are asked, unless --yes. The answer of the alarm engine\n"  \
    "is waited for: 'done', 'refused' with the reason, or 'pending' when it\n" \
    "did not come in time (the action is on its way then).\n"

#define ENTITY_HELP                                                            \
    "A component stands for its resources too, a connector for all that it\n"  \
    "sends. What will be hit is shown and you are asked, unless --yes.\n"

#define LETTER_OPTIONS "filter all author yes dry-run output"

#define LETTER_HELP                                                            \
    "With --filter, --all, or more than one ID, what will be hit is shown "    \
    "and\n"                                                                    \
    "you are asked, unless --yes. The answer is waited for: 'done', "          \
    "'refused'\n"                                                              \
    "with the reason, or 'pending' when it did not come in time.\n"

#define FILTER_HELP                                                            \
    "A filter is short text, like  state>=2 and component~\"^web\" and not "   \
    "acked\nor a JSON object, like  {\"state\": {\"$gte\": 2}}.\n"

const struct command commands[] = {
    {NULL, "send", "[key=value ...]", "send events",
     "file json amqp spool output", 0, -1, cmd_send,
     "Sends one event given as key=value, or as JSON, or all those of a file\n"
     "or of standard input: one object, an array, or one object a line.\n"
     "Each is checked; what is accepted is safe with the message broker.\n"
     "connector and connector_name are 'cli' and 'hyp' when not given.\n\n"
     "With --amqp, events that the broker cannot take now are kept on disk,\n"
     "and go first when the next 'hyp send --amqp' reaches it.\n\n"
     "Examples:\n"
     "  hyp send component=web1 resource=disk state=2 output=\"95% full\"\n"
     "  hyp send component=web1 resource=disk state=1 output=\"85% full\" \\\n"
     "      perf_data=\"'/'=85%;80;90;0;100\"\n"
     "  hyp send --json '{\"connector\":\"c\",\"connector_name\":\"n\",\n"
     "                    \"component\":\"web1\",\"state\":0}'\n"
     "  hyp send --file events.ndjson\n"
     "  my-check | hyp send\n"},
    {"event", "list", "", "the last check of each entity", LISTING_OPTIONS, 0,
     0, cmd_event_list,
     FILTER_HELP "\nExamples:\n"
                 "  hyp event list --filter 'state>=2'\n"
                 "  hyp event list --sort -timestamp --limit 20 -o json\n"},
    {"event", "tail", "", "the event log as it grows",
     "output filter search once", 0, 0, cmd_event_tail,
     "Shows what was logged in the last minute, then what comes, until\n"
     "Ctrl-C. Logged are operators' actions, log events, and the checks that\n"
     "changed something.\n\n"
     "Examples:\n"
     "  hyp event tail\n"
     "  hyp event tail --search web1 -o json\n"},
    {"alarm", "list", "", "alarms", LISTING_OPTIONS " opened", 0, 0,
     cmd_alarm_list,
     "Newest changes first, unless --sort says otherwise.\n" FILTER_HELP
     "\nExamples:\n"
     "  hyp alarm list\n"
     "  hyp alarm list --filter 'state=3 and not acked' --sort opened_at\n"
     "  hyp alarm list --opened false --search web1\n"
     "  hyp alarm list -o csv > alarms.csv\n"},
    {"alarm", "show", "ID", "one alarm, and its steps", "output steps", 1, 1,
     cmd_alarm_show,
     "ID may be cut to its first characters.\n\n"
     "Example:\n  hyp alarm show 019a2b3c --steps\n"},
    {"alarm", "ack", "[ID ...]", "acknowledge: somebody looks at it",
     ACT_OPTIONS, 0, -1, cmd_alarm_ack,
     ACT_HELP "\nExamples:\n"
              "  hyp alarm ack 019a2b3c --message \"looking\"\n"
              "  hyp alarm ack --filter 'component~\"^web\"' --yes\n"},
    {"alarm", "unack", "[ID ...]", "take an acknowledgement back", ACT_OPTIONS,
     0, -1, cmd_alarm_unack, ACT_HELP},
    {"alarm", "cancel", "[ID ...]", "cancel: it is none", ACT_OPTIONS, 0, -1,
     cmd_alarm_cancel, ACT_HELP},
    {"alarm", "uncancel", "[ID ...]", "take a cancel back", ACT_OPTIONS, 0, -1,
     cmd_alarm_uncancel, ACT_HELP},
    {"alarm", "snooze", "[ID ...] --for DURATION", "silence for a time",
     ACT_OPTIONS " for", 0, -1, cmd_alarm_snooze,
     ACT_HELP "\nExample:\n  hyp alarm snooze 019a2b3c --for 2h\n"},
    {"alarm", "unsnooze", "[ID ...]", "end a snooze", ACT_OPTIONS, 0, -1,
     cmd_alarm_unsnooze, ACT_HELP},
    {"alarm", "comment", "[ID ...] --message TEXT", "say something on it",
     ACT_OPTIONS, 0, -1, cmd_alarm_comment, ACT_HELP},
    {"alarm", "ticket", "[ID ...] NUMBER", "note the ticket's number",
     ACT_OPTIONS " url", 1, -1, cmd_alarm_ticket,
     ACT_HELP "\nExample:\n"
              "  hyp alarm ticket 019a2b3c INC-4711 --url https://desk/4711\n"},
    {"alarm", "state", "[ID ...] STATE", "set the state by hand",
     ACT_OPTIONS " release", 1, -1, cmd_alarm_state,
     "STATE is ok, minor, major, critical or 0 to 3. It holds until the\n"
     "source says OK or worse, unless --release.\n\n" ACT_HELP
     "\nExample:\n  hyp alarm state 019a2b3c minor --message \"known\"\n"},
    {NULL, "explain", "ID", "why an alarm is as it is", "output", 1, 1,
     cmd_explain,
     "ID may be cut to its first characters. What the alarm's own row and its\n"
     "steps say, in sentences, oldest matter first.\n\n"
     "Example:\n  hyp explain 019a2b3c\n"},
    {"entity", "list", "", "what sends events", LISTING_OPTIONS, 0, 0,
     cmd_entity_list,
     FILTER_HELP "\nExample:\n  hyp entity list --filter type=component\n"},
    {"entity", "show", "ID", "one entity", "output", 1, 1, cmd_entity_show,
     "Example:\n  hyp entity show /component/collectd/host1/host1\n"},
    {"entity", "import", "FILE --source NAME", "what an inventory knows of it",
     "source partial dry-run yes author output", 1, 1, cmd_entity_import,
     "FILE (-: standard input) is JSON: {\"cis\": [{\"type\": \"component\",\n"
     "\"name\": \"web1\", \"infos\": {\"site\": \"Paris\"}}, ...]}, as "
     "Canopsis\n"
     "takes it. Only what differs is sent. What the source imported once and\n"
     "the file has no more is disabled, unless --partial; what would be\n"
     "disabled or deleted is shown and asked for, unless --yes.\n\n"
     "Examples:\n"
     "  hyp entity import cmdb.json --source cmdb --dry-run\n"
     "  hyp entity import lab.json --source lab --partial\n"},
    {"entity", "neighbours", "ID", "what it belongs to, and what to it",
     LISTING_OPTIONS, 1, 1, cmd_entity_neighbours,
     "Parents (its component, its connector), children (the resources of a\n"
     "component, the components of a connector), and those that other\n"
     "connectors call by the same names.\n\n"
     "Example:\n"
     "  hyp entity neighbours /component/collectd/host1/host1 \\\n"
     "      --filter 'state>0'\n"},
    {"entity", "disable", "[ID ...]", "hear nothing of it any more",
     ACT_OPTIONS, 0, -1, cmd_entity_disable,
     ENTITY_HELP "Its events are dropped and its alarm is resolved.\n"
                 "\nExamples:\n"
                 "  hyp entity disable /component/collectd/host1/host1\n"
                 "  hyp entity disable --filter 'component=\"host1\"'\n"},
    {"entity", "enable", "[ID ...]", "hear it again", ACT_OPTIONS, 0, -1,
     cmd_entity_enable, ENTITY_HELP},
    {"entity", "delete", "[ID ...]", "forget it", ACT_OPTIONS, 0, -1,
     cmd_entity_delete,
     ENTITY_HELP "Its alarm is resolved; its history stays until it is too "
                 "old.\nWhat still sends comes back: disable that instead.\n"
                 "\nExample:\n"
                 "  hyp entity delete /component/collectd/old1/old1 "
                 "--message \"scrapped\"\n"},
    {"metric", "list", "", "metrics with unit and last value",
     LISTING_OPTIONS " entity component", 0, 0, cmd_metric_list,
     "Examples:\n"
     "  hyp metric list --component web1\n"
     "  hyp metric list --search cpu\n"
     "  hyp metric list --entity /resource/collectd/host1/host1/load\n"},
    {"metric", "show", "METRIC", "one metric drawn, or its points",
     "output from to step resolution agg raw", 1, 1, cmd_metric_show,
     "METRIC is an id, or text that only one metric's id holds. The last\n"
     "hour is drawn; with -o the points are printed. Counters come as rates\n"
     "a second. What is asked by minutes or hours comes from roll-ups, and\n"
     "so does what is older than points are kept.\n\n"
     "Examples:\n"
     "  hyp metric show load-shortterm\n"
     "  hyp metric show load-shortterm --from -24h\n"
     "  hyp metric show load-shortterm --from -1h --step 5m --agg max -o "
     "csv\n"},
    {NULL, "bench", "", "put load on the suite and measure",
     "connectors components resources changes batch rate for amqp output", 0, 0,
     cmd_bench,
     "Sends checks of connectors x components x resources in turn, each with\n"
     "two metrics, for 10 s or as long as --for says. At first each resource\n"
     "is OK; then the share of --changes gets a new state. Events go to the\n"
     "API, one request after the other, or with --amqp over the message bus,\n"
     "up to 1024 messages under way.\n\n"
     "Latency is the time from sending a change of state to its first change\n"
     "on the exchange canopsis.alerts, so the bus is needed in any case: run\n"
     "it where etc/amqp.conf is. On a terminal a line tells how it goes;\n"
     "Ctrl-C ends it early with what was measured. -o json prints one\n"
     "object.\n\n"
     "The events are real: they leave entities, metrics and alarms of the\n"
     "connector 'bench' behind. Use a suite that is there for trying.\n\n"
     "Examples:\n"
     "  hyp bench --amqp\n"
     "  hyp bench --amqp --rate 1000 --for 1m -o json\n"
     "  hyp bench --components 10000 --resources 100 --batch 50\n"},
    {"dead", "list", "", "messages that were refused", LISTING_OPTIONS, 0, 0,
     cmd_dead_list,
     "Newest first, each with the reason, and who replayed it.\n" FILTER_HELP
     "\nExample:\n"
     "  hyp dead list --filter 'engine=cleaner and field=state'\n"},
    {"dead", "count", "", "how many, by engine and kind of reason",
     LISTING_OPTIONS, 0, 0, cmd_dead_count,
     "TOTAL counts all there ever were, KEPT those that are still there.\n"},
    {"dead", "show", "ID", "one of them, with its body", "output", 1, 1,
     cmd_dead_show,
     "Example, to edit one and have it processed:\n"
     "  hyp dead show ID -o json > letter.json\n"},
    {"dead", "replay", "[ID ...]", "give them again to who refused them",
     LETTER_OPTIONS " body", 0, -1, cmd_dead_replay,
     "Each goes again to the engine that refused it, once: what was replayed\n"
     "already is refused. What is refused again is a dead letter of its own.\n"
     "With --body, for one ID, what the file holds enters in its place as a\n"
     "new event. --all stands for all that were not replayed yet.\n" LETTER_HELP
     "\nExamples:\n"
     "  hyp dead replay --filter 'engine=event-filter' --yes\n"
     "  hyp dead replay --all\n"
     "  hyp dead replay cleaner/5ae1cf7469-10-0 --body mended.json\n"},
    {"dead", "purge", "[ID ...]", "delete them", LETTER_OPTIONS, 0, -1,
     cmd_dead_purge,
     LETTER_HELP "\nExamples:\n"
                 "  hyp dead purge --filter 'field=state' --dry-run\n"
                 "  hyp dead purge --all --yes\n"},
    {"alarmrule", "list", "", "rules on alarms, in their order",
     "output filter search", 0, 0, cmd_object_list,
     "What is blank a rule does not say: the next one does that matches, or\n"
     "the site's option. PROBLEM: the rule is stored and no good, so it is\n"
     "passed over.\n\n"
     "Example:\n  hyp alarmrule list\n"},
    {"alarmrule", "show", "NAME", "one rule", "output", 1, 1, cmd_object_show,
     NULL},
    {"alarmrule", "check", "FILE ...", "are the rules of a file good?", "", 1,
     -1, cmd_object_check,
     "FILE is a file or a folder of objects, or - for standard input, as\n"
     "'hyp apply' reads them. Nothing is changed.\n\n"
     "Example:\n  hyp alarmrule check slow.json\n"},
    {"alarmrule", "history", "NAME", "what a rule was, newest first", "output",
     1, 1, cmd_object_history,
     "The last 100 versions are kept, of deleted rules too.\n"},
    {"alarmrule", "restore", "NAME VERSION", "as it was in a version", "author",
     2, 2, cmd_object_restore, "Example:\n  hyp alarmrule restore slow 3\n"},
    {"alarmrule", "delete", "NAME ...", "delete rules", "author yes", 1, -1,
     cmd_object_delete, NULL},
    {"eventfilter", "list", "", "rules, in the order they come to an event",
     "output filter search", 0, 0, cmd_object_list,
     "What is blank is at its default. PROBLEM: the rule is stored and no\n"
     "good, so it is passed over. What a rule counted is a minute old at "
     "most.\n\n"
     "Examples:\n"
     "  hyp eventfilter list\n"
     "  hyp eventfilter list --filter 'spec.enabled=false' -o name\n"},
    {"eventfilter", "show", "NAME", "one rule, and what it did", "output", 1, 1,
     cmd_object_show, NULL},
    {"eventfilter", "check", "FILE ...", "are the rules of a file good?", "", 1,
     -1, cmd_object_check,
     "FILE is a file of one object, an array, or one object a line; a folder\n"
     "(its files that end in .json); or - for standard input. Nothing is\n"
     "changed.\n\n"
     "Example:\n  hyp eventfilter check rules.json\n"},
    {"eventfilter", "test", "[NAME ...]", "what would they make of an event?",
     "event json entity id replay at file default limit output", 0, -1,
     cmd_rules_test,
     "The event is one of a file, given as JSON, the last check of an entity,\n"
     "or one of the event log. --at tries an event as if it were received\n"
     "then: whether the schedule of a rule is in force is decided by that.\n"
     "All stored rules take part, or only those named; those of --file (and\n"
     "tables) come in their place. Nothing is changed.\n\n"
     "--replay tries all that was logged since some time, the newest first,\n"
     "page by page: what each rule would match, the first 10 events that\n"
     "would change, be dropped or refused (with -o json 100), and how many\n"
     "there are; at most --limit events (1,000,000; 0: all). Stored events\n"
     "have passed the rules of their time already, so what those did is done,\n"
     "and what was dropped then is not there.\n\n"
     "Examples:\n"
     "  hyp eventfilter test --event event.json\n"
     "  hyp eventfilter test calm-lab --entity /component/c/n/lab7\n"
     "  hyp eventfilter test --event event.json --at $(date -d 'sat 3:00' "
     "+%s)\n"
     "  hyp eventfilter test calm-lab --replay 24h\n"
     "  hyp eventfilter test --file new-rules.json --replay 24h\n"},
    {"eventfilter", "history", "NAME", "what a rule was, newest first",
     "output", 1, 1, cmd_object_history,
     "The last 100 versions are kept, of deleted rules too.\n"},
    {"eventfilter", "restore", "NAME VERSION", "as it was in a version",
     "author", 2, 2, cmd_object_restore,
     "Example:\n  hyp eventfilter restore calm-lab 3\n"},
    {"eventfilter", "delete", "NAME ...", "delete rules", "author yes", 1, -1,
     cmd_object_delete, NULL},
    {"table", "list", "", "tables that rules look values up in",
     "output filter search", 0, 0, cmd_object_list,
     "PROBLEM: the table is stored and no good, so it is passed over. A table\n"
     "is put with 'hyp apply', from a file of objects or of CSV.\n\n"
     "Example:\n  hyp apply --file sites.csv && hyp table list\n"},
    {"table", "show", "NAME", "one table", "output", 1, 1, cmd_object_show,
     NULL},
    {"table", "check", "FILE ...", "are the tables of a file good?", "", 1, -1,
     cmd_object_check,
     "FILE is a file or a folder of objects, or - for standard input, as\n"
     "'hyp apply' reads them. Nothing is changed.\n\n"
     "Example:\n  hyp table check sites.csv\n"},
    {"table", "history", "NAME", "what a table was, newest first", "output", 1,
     1, cmd_object_history,
     "The last 100 versions are kept, of deleted tables too.\n"},
    {"table", "restore", "NAME VERSION", "as it was in a version", "author", 2,
     2, cmd_object_restore, "Example:\n  hyp table restore sites 3\n"},
    {"table", "delete", "NAME ...", "delete tables", "author yes", 1, -1,
     cmd_object_delete, NULL},
    {NULL, "apply", "--file FILE", "put what people configure, from files",
     "file set prune author dry-run yes", 0, 0, cmd_apply,
     "FILE is a file of objects {kind, name, labels, spec}, a folder of such\n"
     "files (.json, .yaml, .yml), or - for standard input. JSON: one, an\n"
     "array, or one a line; YAML: one, or a sequence, in each document. A "
     "file\n"
     "that ends in .csv is a table, called as it without its ending. What\n"
     "is there already as it is stays unchanged; nothing is deleted, but by\n"
     "--prune.\n\n"
     "--set NAME makes them a set: each bears the label \"set\" with that\n"
     "name. With --prune, what the set has and the files have not is deleted\n"
     "at the end (asked for, unless --yes), when all of them were good.\n\n"
     "Examples:\n"
     "  hyp apply --file rules.yaml --dry-run\n"
     "  hyp apply --file rules.d --set site --prune\n"
     "  hyp export eventfilter | hyp --profile other apply -f -\n"},
    {NULL, "export", "[KIND]", "print what people configure", "output", 0, 1,
     cmd_export,
     "One object a line as JSON, or with -o yaml as YAML documents: both can\n"
     "be applied again.\n"},
    {NULL, "top", "", "rates and health of every process",
     "output once interval", 0, 0, cmd_top,
     "Refreshed until Ctrl-C on a terminal (--interval, 2s), else once.\n"},
    {NULL, "watch", "", "alarms as they open, change and resolve",
     "output filter search all once interval", 0, 0, cmd_watch,
     "A line for each alarm with a new step, until Ctrl-C; looked for each\n"
     "second (--interval). --all begins with those that are open. With\n"
     "-o json each change is the alarm as it is then, one object a line.\n\n"
     "Examples:\n"
     "  hyp watch --filter 'state>=2'\n"
     "  hyp watch --all -o json | jq -r .output\n"},
    {"profile", "list", "", "the installations that have names", "output", 0, 0,
     cmd_profile_list,
     "They stand in ~/.config/hyp/profiles.conf, a section each:\n\n"
     "  [prod]\n"
     "  server = https://hyp.example.org:8082\n"
     "  key_file = prod.key\n\n"
     "or config_dir = FOLDER for another one on this machine. Paths that do\n"
     "not begin with / are beside that file. 'hyp --profile prod ...', or\n"
     "HYP_PROFILE=prod, uses it; then HYP_SERVER and HYP_KEY_FILE do not\n"
     "count.\n"},
    {NULL, "doctor", "", "is all well? if not, what to do", "output", 0, 0,
     cmd_doctor,
     "Looks at the API, the key, store, broker, each engine, dead letters,\n"
     "the disk, and whether this host's own metrics arrive. Exit code 0: all\n"
     "is well.\n"},
    {NULL, "backup", "FILE", "the whole store into a file, while all runs",
     "store verify output", 1, 1, cmd_backup,
     "Reads the store itself, so it runs on a machine that reaches it, as a\n"
     "user who may read etc/storage.conf. The file (-: standard output)\n"
     "stands there only when it is whole and was read back; it is readable\n"
     "for its owner only, and holds nothing of etc/: keep that beside it.\n"
     "With --verify a file is read, and told what is in it.\n\n"
     "Examples:\n"
     "  hyp backup /backup/hypervise-$(date +%F)\n"
     "  hyp backup - | ssh other 'cat > hypervise.backup'\n"
     "  hyp backup --verify /backup/hypervise-2026-11-21\n"},
    {NULL, "restore", "FILE", "a backup into the store of a stopped suite",
     "store replace dry-run yes output", 1, 1, cmd_restore,
     "Stop the suite first: hypcontrol stop. A store that holds anything is\n"
     "refused, unless --replace is given; it stays as it is until the whole\n"
     "backup (-: from standard input) was read and found whole. The kind of\n"
     "store may be another than the backup's. Then: hypcontrol start.\n\n"
     "Examples:\n"
     "  hyp restore --dry-run /backup/hypervise-2026-11-21\n"
     "  hyp restore --replace /backup/hypervise-2026-11-21\n"},
    {"filter", "check", "FILTER", "how a filter is understood", "output", 1, 1,
     cmd_filter_check,
     "-o json prints it in its JSON form.\n\n"
     "Example:\n  hyp filter check 'state>=2 and not acked'\n"},
    {"template", "check", "[TEMPLATE]", "is a template understood?",
     "file event json target", 0, 1, cmd_template_check,
     "Tells the names that no event has by itself (they give nothing, unless\n"
     "a sender adds such a field), and with an event what the template gives,\n"
     "escaped for --target (text). Exit code 4: only names were found\n"
     "wanting.\n\n"
     "Examples:\n"
     "  hyp template check '{{event.component}} is {{event.state | state}}'\n"
     "  hyp template check --file mail.txt --event event.json\n"},
    {NULL, "completion", "bash|zsh|fish", "completion of hyp for a shell", "",
     1, 1, cmd_completion,
     "Commands, options and their values are offered with Tab, once the shell\n"
     "has read it. Examples:\n"
     "  source <(hyp completion bash)        # in ~/.bashrc\n"
     "  source <(hyp completion zsh)         # in ~/.zshrc, after compinit\n"
     "  hyp completion fish | source         # in "
     "~/.config/fish/config.fish\n"},
    {NULL, "version", "", "version of hyp and of the server", "", 0, 0,
     cmd_version, NULL},
    {0},
};
