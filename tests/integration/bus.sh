#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The suite of the bus on a real RabbitMQ, which it may kill, and a RabbitMQ
# that refuses and blocks.
set -euo pipefail
support=$HYP_SRCDIR/tests/support
dir=$(mktemp -d)
port=$("$support/freeport")
trap '"$support/rabbitmq.sh" stop "$dir" || true; rm -rf "$dir"' EXIT

"$support/rabbitmq.sh" start "$dir" "$port"
cat >"$dir/restart" <<END
#!/bin/bash
set -e
"$support/rabbitmq.sh" kill "$dir"
"$support/rabbitmq.sh" start "$dir" "$port"
END
printf '#!/bin/bash\nexec "%s" ctl "%s" "$@" >/dev/null\n' \
    "$support/rabbitmq.sh" "$dir" >"$dir/ctl"
chmod +x "$dir/restart" "$dir/ctl"
export HYP_TEST_AMQP_PORT=$port
export HYP_TEST_AMQP_PASSWORD_FILE=$dir/hypervise.password
export HYP_TEST_AMQP_CONNECTOR_FILE=$dir/connector.password
export HYP_TEST_AMQP_PID_FILE=$dir/beam.pid
export HYP_TEST_AMQP_CTL=$dir/ctl
export HYP_TEST_AMQP_RESTART=$dir/restart
"$HYP_BUILDDIR/tests/conformance/bus_amqp_suite"
"$HYP_BUILDDIR/tests/integration/bus_faults"
