#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The suite of the bus on a real RabbitMQ, which it may kill, and a RabbitMQ
# that refuses and blocks.
set -euo pipefail
support=$HYP_SRCDIR/tests/support
dir=$(mktemp -d)
read -r port tls_port < <("$support/freeport" 2 | paste -sd ' ')
trap '"$support/rabbitmq.sh" stop "$dir" || true; rm -rf "$dir"' EXIT

"$support/rabbitmq.sh" start "$dir" "$port" "$tls_port"
# Certificates that do not do: of another authority, and of the past.
"$HYP_SRCDIR/control/tls-certificates" "$dir/other" localhost
cat >"$dir/past.info" <<END
cn = broker
dns_name = localhost
ip_address = 127.0.0.1
tls_www_server
tls_www_client
signing_key
activation_date = "2020-01-01 00:00:00"
expiration_date = "2021-01-01 00:00:00"
END
certtool --generate-certificate --load-privkey "$dir/tls/broker.key" \
    --load-ca-certificate "$dir/tls/ca.pem" --load-ca-privkey \
    "$dir/tls/ca.key" --template "$dir/past.info" \
    --outfile "$dir/past.pem" 2>/dev/null
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
export HYP_TEST_AMQP_TLS_PORT=$tls_port
export HYP_TEST_AMQP_DIR=$dir
export HYP_TEST_AMQP_CONNECTOR_FILE=$dir/connector.password
export HYP_TEST_AMQP_PID_FILE=$dir/beam.pid
export HYP_TEST_AMQP_CTL=$dir/ctl
export HYP_TEST_AMQP_RESTART=$dir/restart
"$HYP_BUILDDIR/tests/conformance/bus_amqp_suite"
"$HYP_BUILDDIR/tests/integration/bus_faults"
export HYP_TEST_AMQP_TLS_DIR=$dir/tls
"$HYP_BUILDDIR/tests/conformance/bus_amqp_suite"
"$HYP_BUILDDIR/tests/integration/bus_tls"
