# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# bash completion for ftpnat-load. Verbs and options are those of `ftpnat-load --help`;
# names of rules and addresses of servers are asked of the live instance.

# Of --help: the verbs, the options of all verbs, or those of verb $2.
_ftpnat_load_help() {
	"$1" --help 2>/dev/null | awk -v verb="${2-}" '
		/^Verbs:/ { part = "verbs"; next }
		/^Options/ { part = "options"; next }
		/^[^ ]/ { part = "" }
		part == "verbs" && /^  [a-z]/ { at = $1; if (verb == "") print $1 }
		part == "verbs" && at == verb {
			while (match($0, /--[a-z]+/)) {
				word = substr($0, RSTART, RLENGTH)
				if (word != "--json") # an option of all verbs
					print word
				$0 = substr($0, RSTART + RLENGTH)
			}
		}
		part == "options" && verb == "-" {
			while (match($0, /(^|[ ,])--?[a-zA-Z]+/)) {
				word = substr($0, RSTART, RLENGTH)
				gsub(/[ ,]/, "", word)
				print word
				$0 = substr($0, RSTART + RLENGTH)
			}
		}'
}

# Column $1 of the listing of servers or rules: what the instance named on the line has.
_ftpnat_load_live() {
	local title=$1
	shift
	"$@" status 2>/dev/null | awk -v title="$title" '
		$1 == title { inside = 1; next }
		!NF { inside = 0 }
		inside { print $1 }'
}

# Addresses of the servers of rule $1.
_ftpnat_load_servers() {
	local rule=$1
	shift
	"$@" servers 2>/dev/null | awk -v rule="$rule" '$1 == rule { print $2 }'
}

# Of the options on standard input those that are not on the line yet, in either form.
_ftpnat_load_missing() {
	local option line=" $* "
	local -A other=([-c]=--config [-p]=--pin [-n]=--netns [-j]=--json [-v]=--verbose [-h]=--help [-V]=--version
		[-d]=--delay [--config]=-c [--pin]=-p [--netns]=-n [--json]=-j [--verbose]=-v [--help]=-h
		[--version]=-V [--delay]=-d)
	while read -r option; do
		[[ $line == *" $option "* || $line == *" ${other[$option]-$option} "* ]] || printf '%s\n' "$option"
	done
}

_ftpnat_load() {
	local cur prev words cword
	_init_completion -n : || return

	# The verb, its arguments, and the options that choose the instance.
	local verb='' arguments=() instance=("${words[0]}") i
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		-n | --netns | -p | --pin)
			instance+=("${words[i]}" "${words[i + 1]}")
			i=$((i + 1))
			;;
		-c | --config | --rule | --client | --server | --port | --kind | --state | --reason | --sort | --watch | --count | --for | --why | -d | --delay)
			i=$((i + 1))
			;;
		-*) ;;
		*) if [[ -z $verb ]]; then verb=${words[i]}; else arguments+=("${words[i]}"); fi ;;
		esac
	done

	case $prev in
	-c | --config)
		_filedir '@(yaml|yml)'
		return
		;;
	-p | --pin)
		_filedir -d
		return
		;;
	-n | --netns)
		mapfile -t COMPREPLY < <(compgen -W "$(ip netns list 2>/dev/null | awk '{ print $1 }')" -- "$cur")
		return
		;;
	--rule)
		mapfile -t COMPREPLY < <(compgen -W "$(_ftpnat_load_live RULE "${instance[@]}")" -- "$cur")
		return
		;;
	--kind)
		local kinds='control data'
		[[ $verb == flows ]] || kinds+=' transfer_done'
		mapfile -t COMPREPLY < <(compgen -W "$kinds" -- "$cur")
		return
		;;
	--state)
		mapfile -t COMPREPLY < <(compgen -W "new established closing closed" -- "$cur")
		return
		;;
	--sort)
		local keys="session age client rule server"
		[[ $verb == flows ]] && keys+=" bytes idle packets state"
		mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$cur")
		return
		;;
	--client | --server | --port | --reason | --watch | --count | --for | --why | -d | --delay) return ;;
	esac

	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$({
			_ftpnat_load_help "${words[0]}" -
			[[ -z $verb ]] || _ftpnat_load_help "${words[0]}" "$verb"
		} | _ftpnat_load_missing "${words[@]:1:cword-1}")" -- "$cur")
	elif [[ -z $verb ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_ftpnat_load_help "${words[0]}")" -- "$cur")
	elif [[ $verb == unban && ${#arguments[@]} == 0 ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$("${instance[@]}" bans 2>/dev/null | awk 'NR > 1 && /^[0-9a-f]/ { print $1 }')" -- "$cur")
		__ltrim_colon_completions "$cur"
	elif [[ $verb == cluster && ${#arguments[@]} == 0 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "status take drain resync" -- "$cur")
	elif [[ $verb == servers ]]; then
		case ${#arguments[@]} in
		0) mapfile -t COMPREPLY < <(compgen -W "drain resume" -- "$cur") ;;
		1) mapfile -t COMPREPLY < <(compgen -W "$(_ftpnat_load_live RULE "${instance[@]}")" -- "$cur") ;;
		2)
			mapfile -t COMPREPLY < <(compgen -W \
				"$(_ftpnat_load_servers "${arguments[1]}" "${instance[@]}")" -- "$cur")
			__ltrim_colon_completions "$cur"
			;;
		esac
	fi
} &&
	complete -F _ftpnat_load ftpnat-load
