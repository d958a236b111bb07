# What zsh offers for a line, as a person at a terminal sees it: types the line and TAB into an interactive shell.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -Uz compinit; compinit -u"
sleep 2
zpty -w -n shell "$1"$'\t\t'
sleep 2
zpty -w shell ""
sleep 1
while zpty -r -t shell line; do print -r -- "$line"; done
zpty -d shell
