-- SPDX-License-Identifier: Apache-2.0
-- For wrk: POST /api/v1/events with the lines of a file as bodies, in turn.
-- Arguments: the file, the API key. Prints one line of JSON at the end.
local requests = {}
local at = 0

function init(args)
    local headers = {
        ["Authorization"] = "Bearer " .. args[2],
        ["Content-Type"] = "application/json"
    }
    for line in io.lines(args[1]) do
        requests[#requests + 1] =
            wrk.format("POST", "/api/v1/events", headers, line)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    io.write(string.format(
        '{"requests":%d,"us":%d,"bad":%d,"lost":%d,"p50_ms":%.3f,'
        .. '"p99_ms":%.3f}\n',
        summary.requests, summary.duration, summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write
        + summary.errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
