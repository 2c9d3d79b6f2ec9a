"""FreeSWITCH: events of its event socket, and CDRs of mod_json_cdr."""
