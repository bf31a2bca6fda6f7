# Read by root's login shells. It starts no program; Debian's own runs `mesg`.
if [ -n "${BASH_VERSION-}" ] && [ -r ~/.bashrc ]; then . ~/.bashrc; fi
