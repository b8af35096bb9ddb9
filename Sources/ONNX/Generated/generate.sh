#!/bin/sh
# Makes onnx.pb.swift anew from onnx.proto, the file of that name in the ONNX project (Apache-2.0, here from version 1.23 of its Python package).
# The result is committed, so a build needs neither protoc nor this script.
#
#   usage: generate.sh PATH-TO-SWIFT-PROTOBUF-CHECKOUT      (after `swift package resolve`: .build/checkouts/swift-protobuf)
#
# Needs protoc 3.20 or later (Debian: protobuf-compiler). The generator is built in a temporary copy of the checkout.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
checkout=${1:?usage: generate.sh PATH-TO-SWIFT-PROTOBUF-CHECKOUT}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$checkout" "$work/swift-protobuf"
(cd "$work/swift-protobuf" && swift build --product protoc-gen-swift)
protoc --plugin="$work/swift-protobuf/.build/debug/protoc-gen-swift" --proto_path="$here" \
    --swift_out="$here" --swift_opt=Visibility=Internal onnx.proto
