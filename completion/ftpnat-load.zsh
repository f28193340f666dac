#compdef ftpnat-load
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# zsh completion for ftpnat-load. Verbs are those of `ftpnat-load --help`; names of
# rules and addresses of servers are asked of the live instance.

# Sets `verbs` to NAME:WHAT IT DOES.
_ftpnat_load_verbs() {
	verbs=(${(f)"$($command --help 2>/dev/null | awk '
		/^Verbs:/ { inside = 1; next }
		/^[^ ]/ { inside = 0 }
		inside && /^  [a-z]/ { name = $1; sub(/^ *[^ ]+ +/, ""); print name ":" $0 }')"})
}

# The options that choose the instance, as given on the line.
_ftpnat_load_instance() {
	local option
	instance=($command)
	for option in -n --netns -p --pin; do
		(( ${+opt_args[$option]} )) && instance+=($option ${(Q)opt_args[$option]})
	done
}

_ftpnat_load_rules() {
	local -a instance rules
	_ftpnat_load_instance
	rules=(${(f)"$($instance status 2>/dev/null | awk '
		$1 == "RULE" { inside = 1; next } !NF { inside = 0 } inside { print $1 }')"})
	_describe rule rules
}

_ftpnat_load_servers() {
	local -a instance servers
	_ftpnat_load_instance
	servers=(${(f)"$($instance servers 2>/dev/null | awk -v rule=$1 '$1 == rule { print $2 }')"})
	compadd -- $servers
}

_ftpnat_load_bans() {
	local -a instance bans
	_ftpnat_load_instance
	bans=(${(f)"$($instance bans 2>/dev/null | awk 'NR > 1 && /^[0-9a-f]/ { print $1 }')"})
	compadd -- $bans
}

_ftpnat_load_namespaces() {
	compadd -- ${(f)"$(ip netns list 2>/dev/null | awk '{ print $1 }')"}
}

_ftpnat_load() {
	local -a verbs line options
	local -A opt_args
	local command=${words[1]} context state state_descr verb
	_ftpnat_load_verbs

	# The first word that is the name of a verb is it.
	for verb in ${words[2,CURRENT-1]}; do
		[[ -n ${(M)verbs:#$verb:*} ]] && break
		verb=
	done
	local -a filters=('--rule[only of this rule]:rule:_ftpnat_load_rules'
		'--client[only of these clients]:address or prefix:'
		'--server[only of these servers]:address or prefix:' '--port[only with this port]:port:')
	local wide='--wide[more than 80 columns]'
	local kinds='--kind[control or data connections]:kind:(control data)'
	local event_kinds='--kind[of connections, or transfers]:kind:(control data transfer_done)'
	case $verb in
	flows) options=($filters $kinds '--state[only in this state]:state:(new established closing closed)'
		'--sort[order]:key:(session age bytes client idle packets rule server state)' $wide
		'--delete[end those that match]') ;;
	expected) options=($filters '--sort[order]:key:(session age client rule server)' $wide) ;;
	events) options=($filters $event_kinds $wide '--reason[only for this reason]:reason:'
		'--count[end after so many]:number:') ;;
	top) options=('(-d --delay)'{-d,--delay}'[between refreshes]:seconds:') ;;
	ban) options=('--rule[only from this rule]:rule:_ftpnat_load_rules' '--for[time]:time like 1h:'
		'--why[shown by bans]:text:' '--cut[end its connections, too]') ;;
	unban) options=('--rule[only from this rule]:rule:_ftpnat_load_rules') ;;
	servers) options=('--now[drain: end its sessions, too]') ;;
	stats) options=('--watch[again every so many seconds]:seconds:') ;;
	esac

	_arguments -s $options \
		'(-c --config)'{-c,--config}'[configuration]:file:_files -g "*.(yaml|yml)"' \
		'(-p --pin)'{-p,--pin}'[directory of this instance in bpffs]:folder:_files -/' \
		'(-n --netns)'{-n,--netns}'[network namespace]:namespace:_ftpnat_load_namespaces' \
		'(-j --json)'{-j,--json}'[JSON instead of text]' \
		'(-v --verbose)'{-v,--verbose}'[report each step]' \
		'(- *)'{-h,--help}'[what it can do]' \
		'(- *)'{-V,--version}'[version]' \
		'1:verb:->verb' '2:what:->what' '3:rule:->rule' '4:server:->server'
	case $state in
	verb) _describe verb verbs ;;
	what)
		[[ $verb == servers ]] && compadd -- drain resume
		[[ $verb == cluster ]] && compadd -- status take drain resync
		[[ $verb == unban ]] && _ftpnat_load_bans
		;;
	rule) [[ $verb == servers ]] && _ftpnat_load_rules ;;
	server) [[ $verb == servers ]] && _ftpnat_load_servers $line[3] ;;
	esac
}

_ftpnat_load "$@"
