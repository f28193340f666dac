#!/usr/bin/escript
%% SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
%% Sessions of Erlang's FTP client in active mode: log in, upload, download, compare.
%% Prints a line for each: "ok", or the step that failed and how.
%%
%%   escript erlang_sessions.escript HOST PORT USER PASSWORD FOLDER NUMBER SIZE...

main([Host, Port, User, Password, Folder, Number | Sizes]) ->
    {ok, _} = application:ensure_all_started(ftp),
    logger:set_primary_config(level, none),
    lists:foreach(
        fun(I) ->
            Size = list_to_integer(lists:nth(1 + I rem length(Sizes), Sizes)),
            io:format("~0p~n", [session(Host, list_to_integer(Port), User, Password, Folder, I, Size)])
        end,
        lists:seq(1, list_to_integer(Number))).

session(Host, Port, User, Password, Folder, I, Size) ->
    Sent = contents(Size, I),
    Name = "erlang-" ++ integer_to_list(I),
    case ftp:open(Host, [{mode, active}, {port, Port}, {timeout, 20000}]) of
        {ok, Pid} ->
            Steps = [
                {user, fun() -> ftp:user(Pid, User, Password) end},
                {folder, fun() -> ftp:cd(Pid, Folder) end},
                {type, fun() -> ftp:type(Pid, binary) end},
                {send, fun() -> ftp:send_bin(Pid, Sent, Name) end},
                {recv, fun() -> received(ftp:recv_bin(Pid, Name), Sent) end},
                {delete, fun() -> ftp:delete(Pid, Name) end}
            ],
            Outcome = steps(Steps),
            catch ftp:close(Pid),
            Outcome;
        Error ->
            {open, Error}
    end.

steps([]) -> ok;
steps([{Name, Do} | Rest]) ->
    case catch Do() of
        ok -> steps(Rest);
        Error -> {Name, short(Error)}
    end.

%% Data of the transfer instead of a reply: its size says enough.
short({ok, Data}) -> {data, iolist_size(Data)};
short(Error) -> Error.

received({ok, Same}, Same) -> ok;
received({ok, Other}, Sent) -> {wrong, byte_size(Other), byte_size(Sent)};
received(Error, _) -> Error.

%% Bytes that differ from session to session.
contents(Size, I) ->
    << <<((N * 31 + I * 7 + N div 251) rem 256)>> || N <- lists:seq(1, Size) >>.
