#!/usr/bin/env bash
# Runs real retry libraries, and loops written by hand in Python, JavaScript, Java and Ruby, on the
# sources in cases/ under a clock of its own, and compares the attempts and delays that happen with what `audit` reads
# in the same files.
#
#     tests/audit/real/run.sh HERDSIM
#     tests/audit/real/run.sh --observe      only says what happens
#
# Then the same of the cases with each change that `audit` writes as a patch: they run, and
# wait as the new policy says.
#
# The libraries come from the package registries into a temporary directory. What cannot be
# had is skipped, and said.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$1
[ "$binary" = --observe ] || binary=$(realpath "$1")

if ! command -v python3 > /dev/null; then
    echo "skipped: there is no python3"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What is run and what is audited are apart: running leaves files beside the sources.
cp -r "$here/cases" "$work/read"
cp -r "$here/cases" "$work/cases"
cp "$here/harness.mjs" "$work"
cd "$work"

python_cases() {
    if ! python3 -m venv venv > venv.log 2>&1; then
        echo "skipped: the Python cases, there is no venv"
    elif ! timeout 90 venv/bin/pip install -q --disable-pip-version-check --retries 1 --timeout 15 \
        tenacity==9.2.1 backoff==2.2.1 urllib3==2.8.0 requests==2.34.2 celery==5.7.0 boto3==1.44.8 \
        stamina==26.1.0 retrying==1.4.2 google-api-core==2.44.0 > pip.log 2>&1; then
        echo "skipped: the Python cases, pip cannot install the libraries"
    else
        venv/bin/python "$here/harness.py" cases python.json
    fi
}

node_cases() {
    if ! command -v node > /dev/null || ! command -v npm > /dev/null; then
        echo "skipped: the JavaScript cases, there is no node or no npm"
    elif ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
        echo "skipped: the JavaScript cases, they need node 20"
    else
        echo '{ "private": true, "type": "module" }' > package.json
        if ! timeout 90 npm install --no-save --ignore-scripts --no-audit --no-fund \
            --fetch-retries 1 --fetch-retry-mintimeout 1000 --fetch-timeout 15000 \
            p-retry@7.1.1 async-retry@1.3.3 axios@1.21.1 axios-retry@4.5.0 bullmq@6.7.0 bull@4.16.5 \
            got@14.6.6 ky@1.14.3 cockatiel@3.2.1 sucrase@3.35.1 > npm.log 2>&1; then
            echo "skipped: the JavaScript cases, npm cannot install the libraries"
        else
            node harness.mjs cases node.json
        fi
    fi
}

java_cases() {
    if ! command -v javac > /dev/null; then
        echo "skipped: the Java cases, there is no JDK"
        return
    fi
    [ -d classes ] || javac -d classes "$here"/java/*.java
    java -cp classes Harness "$1" "$2"
}

ruby_cases() {
    if [ "$binary" != --observe ] && ! "$binary" audit read/ruby_loop_times.rb --read-only > /dev/null 2>&1; then
        echo "skipped: the Ruby cases, this build does not read Ruby"
        return
    fi
    command -v ruby > /dev/null || apt-get install -y -q ruby ruby-retriable > apt.log 2>&1 || true
    if ! command -v ruby > /dev/null; then
        echo "skipped: the Ruby cases, there is no ruby"
        return
    fi
    ruby "$here/harness.rb" "$1" "$2"
}

node_cases &
node_job=$!
python_cases
java_cases cases java.json
ruby_cases cases ruby.json
wait "$node_job"

observed=()
for file in python.json node.json java.json ruby.json; do
    [ ! -e "$file" ] || observed+=("$file")
done
[ ${#observed[@]} -gt 0 ] || exit 0
if [ "$binary" = --observe ]; then
    python3 "$here/compare.py" --observe "${observed[@]}"
    exit 0
fi
python3 "$here/compare.py" "$binary" read "${observed[@]}"

# The same with each patch. What this build does not read has none.
[ -e ruby.json ] || rm -f read/*.rb
python3 "$here/patched.py" "$binary" read patched
cp -r patched patched_cases
observed=()
if [ -e node.json ]; then
    RUNS=200 node harness.mjs patched_cases patched_node.json &
    node_job=$!
    observed+=(patched_node.json)
fi
if [ -e python.json ]; then
    RUNS=200 venv/bin/python "$here/harness.py" patched_cases patched_python.json
    observed+=(patched_python.json)
fi
if [ -e java.json ]; then
    RUNS=200 java_cases patched_cases patched_java.json
    observed+=(patched_java.json)
fi
if [ -e ruby.json ]; then
    RUNS=200 ruby_cases patched_cases patched_ruby.json
    observed+=(patched_ruby.json)
fi
[ ! -e node.json ] || wait "$node_job"
python3 "$here/compare.py" "$binary" patched "${observed[@]}" > patched.txt || {
    grep -v '^ok' patched.txt
    exit 1
}
tail -1 patched.txt
