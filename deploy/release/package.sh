#!/usr/bin/env bash
# Packs a built binary with what its users need beside it, and a checksum.
#
#   deploy/release/package.sh target/release x86_64-unknown-linux-gnu dist
set -euo pipefail
built=${1:?where the binary is} target=${2:?its target} out=${3:?where the archive goes}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name="herdsim-$version-$target"
binary="$built/herdsim"
[ -e "$binary" ] || binary="$built/herdsim.exe"

mkdir -p "$out"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/$name"/{completions,man,configs}
cp "$binary" README.md LICENSE CHANGELOG.md "$stage/$name/"
cp configs/*.toml "$stage/$name/configs/"
for shell in bash elvish fish powershell zsh; do
    "$binary" completions "$shell" > "$stage/$name/completions/herdsim.$shell"
done
"$binary" man > "$stage/$name/man/herdsim.1"
for command in run sweep edge init merge report playground policies fence saga quorum audit explain; do
    "$binary" man "$command" > "$stage/$name/man/herdsim-$command.1"
done
tar -C "$stage" -czf "$out/$name.tar.gz" "$name"
(cd "$out" && { sha256sum "$name.tar.gz" 2> /dev/null || shasum -a 256 "$name.tar.gz"; } > "$name.tar.gz.sha256")
echo "$out/$name.tar.gz"
