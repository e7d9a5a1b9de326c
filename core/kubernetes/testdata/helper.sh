#!/bin/bash
# Stands in for ruvector-kubernetes. What it does is in the object's name.
IFS= read -r -u 3 line
say() { echo "$1" >&3; }
reading='{"phase":"reading","effect":"none","previous":null,"ready":null}'
writing='{"phase":"writing","effect":"unknown","previous":2,"ready":2}'
waiting='{"phase":"waiting","effect":"done","previous":2,"ready":2}'
done='{"code":0,"message":"","effect":"done","previous":2,"requested":3,"desired":3,"current":3,"ready":3,"observed":true}'
say "$reading"
case $line in
  *'/fine"'*) say "$writing" && say "$waiting" && say "$done" ;;
  *'/get"'*) say "$done" ;;
  *'/refused"'*) say '{"code":7,"message":"no","effect":"none","previous":null,"requested":3,"desired":null}' ;;
  *'/die"'*) exit 1 ;;
  *'/die-writing"'*) say "$writing" && exit 1 ;;
  *'/silent"'*) sleep 1000 ;;
  *'/silent-writing"'*) say "$writing" && sleep 1000 ;;
  *'/silent-waiting"'*) say "$writing" && say "$waiting" && sleep 1000 ;;
  *'/rubbish"'*) say "$writing" && say 'rubbish' && sleep 1000 ;;
  *'/endless"'*) while :; do echo -n xxxxxxxxxxxxxxxx >&3; done ;;
esac
