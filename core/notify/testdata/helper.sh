#!/bin/bash
# Stands in for ruvector-webhook. What it does with a request is in its URL:
# /ok and /fail are reported, /die ends the program, /silent is kept forever.
while IFS= read -r -u 3 line; do
  id=${line#*\"id\":} id=${id%%[!0-9]*}
  case $line in
    *'/ok"'*) echo "{\"id\":$id,\"ok\":true,\"status\":200,\"attempts\":1,\"at_us\":7000000,\"error\":\"\"}" >&3 ;;
    *'/fail"'*) echo "{\"id\":$id,\"ok\":false,\"status\":null,\"attempts\":5,\"at_us\":8000000,\"error\":\"refused\"}" >&3 ;;
    *'/die"'*) exit 1 ;;
  esac
done
