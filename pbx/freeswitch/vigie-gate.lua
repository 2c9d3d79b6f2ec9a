-- The gate of vigie for FreeSWITCH: what a suspension refuses. Called by the dial plan (vigie.xml), after its emergency extension.
-- The table is realm "vigie" of mod_hash, written by the bridge (pbx/kamailio/table.py); classes of numbers are realm "numclass"
-- (docs/pbx/freeswitch-enforcement.md says how they get there). The same in Python, for tests: pbx/gate.py.
--
-- Channel variables read: sip_auth_username and sip_auth_realm (who pays), or vigie_pays where the operator's dial plan says it: a
-- trunk without registration, the diverting AoR of a forwarded leg, the transferring one of a transfer. vigie_outside: digits for an
-- outside line. vigie_internal: a Lua pattern of the PBX's own extensions.

local EMERGENCY = {
    ["15"] = true, ["17"] = true, ["18"] = true, ["112"] = true, ["114"] = true, ["115"] = true, ["119"] = true, ["191"] = true,
    ["196"] = true, ["197"] = true, ["116000"] = true, ["116111"] = true, ["116117"] = true,
}
local SURCHARGED = {
    short_paid = true, shared_cost = true, premium = true, satellite = true, intl_premium = true, operator_risk = true,
}

-- Fields between separators, empty ones kept.
local function split(text, separator)
    local fields = {}
    for field in (text .. separator):gmatch("([^" .. separator .. "]*)" .. separator) do
        fields[#fields + 1] = field
    end
    return fields
end

local function starts(text, prefix)
    return prefix ~= "" and text:sub(1, #prefix) == prefix
end

-- Separators and parameters hide no number: 1-1-2 is 112.
local function clean(dialled)
    return (dialled:gsub(";.*", ""):gsub("[^%d%a+*#]", ""))
end

-- The emergency number that a dialled string reaches, or nil; before everything else.
local function emergency(dialled, outside, find)
    local digits = clean(dialled)
    local tails = { digits }
    if starts(digits, outside) then
        tails[2] = digits:sub(#outside + 1)
    end
    for _, tail in ipairs(tails) do
        for _, before in ipairs({ "", "+33", "0033", "0" }) do
            local code = tail:sub(#before + 1)
            if tail:sub(1, #before) == before and (EMERGENCY[code] or code:match("^%d+$") and find("e" .. code) ~= "") then
                return code
            end
        end
    end
    return nil
end

-- The called number as +E.164 or short code, "" when it cannot be read, and its class. find(prefix) gives a class or "".
local function number(dialled, outside, find)
    local function read(digits)
        digits = digits:gsub("^00", "+")
        if digits:match("^[1-9]%d+$") and #digits >= 10 and #digits <= 15 then
            digits = "+" .. digits
        end
        if digits:match("^0[1-9]%d%d%d%d%d%d%d%d$") then
            digits = "+33" .. digits:sub(2)
        end
        if digits:match("^%+[1-9]%d+$") and #digits >= 5 and #digits <= 16 then
            local national = digits:match("^%+33(%d+)$")
            if national and #national == 9 then
                -- Overseas numbers are dialled nationally and stand behind codes of their own.
                for length = 5, 3, -1 do
                    local code, drop = find("o" .. national:sub(1, length)):match("^(%d+)/(%d+)$")
                    if code then
                        return "+" .. code .. national:sub(tonumber(drop) + 1)
                    end
                end
            elseif national then
                return ""
            end
            return digits
        end
        if digits:match("^[1-9]%d+$") and #digits <= 6 then
            for length = 4, 2, -1 do
                if find(digits:sub(1, length)) ~= "" then
                    return digits
                end
            end
        end
        return ""
    end

    -- What hides the caller's number is no part of the called one.
    local digits = clean(dialled):gsub("^[*#]%d%d[*#]", "")
    local e164 = ""
    if starts(digits, outside) then
        e164 = read(digits:sub(#outside + 1))
    end
    if e164 == "" then
        e164 = read(digits)
    end
    for length = #e164, 1, -1 do
        local class = find(e164:sub(1, length))
        if class ~= "" then
            return e164, class
        end
    end
    return e164, e164 == "" and "invalid" or "intl_fixed_mobile"
end

-- The decision that refuses a call and its customer code, or nil. value is what stands in the table, "" for nothing.
local function refused(value, class, e164)
    local fields = split(value, "|")
    if class == "emergency" or fields[1] ~= "1" or #fields ~= 7 then
        return nil
    end
    local decision, code, letters = fields[2], fields[3], fields[4]
    local function among(list, equal)
        for _, one in ipairs(split(list, ",")) do
            if one ~= "" and (equal and one == e164 or not equal and starts(e164, one)) then
                return true
            end
        end
        return false
    end
    local no
    if letters:find("c", 1, true) then
        no = true
    elseif class == "internal" or e164 ~= "" and among(fields[7], true) then
        no = false
    elseif letters:find("o", 1, true) or e164 == "" then
        no = letters ~= ""
    else
        no = letters:find("i", 1, true) and starts(e164, "+") and not among(fields[5], false)
            or letters:find("p", 1, true) and SURCHARGED[class]
            or letters:find("x", 1, true) and among(fields[6], false)
    end
    if no then
        return decision, code
    end
    return nil
end

if session then
    local api = freeswitch.API()
    local function variable(name)
        return session:getVariable(name) or ""
    end
    local function hash(realm, key)
        local value = api:execute("hash", "select/" .. realm .. "/" .. key) or ""
        return (value:gsub("%s+$", ""))
    end
    local dialled, outside = variable("destination_number"), variable("vigie_outside")
    local function find(prefix)
        return hash("numclass", prefix)
    end
    local code = emergency(dialled, outside, find)
    if code then
        session:transfer(code, "XML", "vigie-emergency")
        return
    end
    local pays = variable("vigie_pays")
    if pays == "" and variable("sip_auth_username") ~= "" then
        pays = variable("sip_auth_username") .. "@" .. variable("sip_auth_realm")
    end
    pays = pays:lower()
    local internal = variable("vigie_internal")
    local e164, class
    if internal ~= "" and clean(dialled):match("^" .. internal .. "$") then
        e164, class = clean(dialled), "internal"
    else
        e164, class = number(dialled, outside, find)
    end
    -- What the bridge finds calls by. Not exported: the other legs end with this one.
    session:setVariable("vigie_aor", pays)
    session:setVariable("vigie_class", class)
    session:setVariable("vigie_e164", e164)
    local decision, customer = refused(pays == "" and "" or hash("vigie", pays), class, e164)
    if decision then
        session:setVariable("vigie_decision", decision)
        session:setVariable("sip_rh_X-Vigie-Decision", decision)
        session:setVariable("sip_rh_Reason", 'SIP;cause=403;text="' .. customer .. " " .. decision .. '"')
        session:execute("respond", "403 Service Restricted")
    end
end
