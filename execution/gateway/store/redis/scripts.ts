/**
 * What Redis does in one step each, so that no half of it can be seen or lost. All keys of a gateway begin with its prefix,
 * which every script is given as its only key; a single server is asked for, no cluster.
 *
 *     meta             hash: id, head (last push that has been applied), seq (order of announcement)
 *     k:<uid>          hash: t tenant, s seq, r revision, a announced (0 waiting, 1 known to the core, 2 refused), f fresh, b body
 *     n:<uid>          list: the names that the key claims, where it claims any
 *     names:<tenant>   hash: name → uid
 *     dead:<tenant>    set: UIDs of destroyed keys
 *     line, line:<tenant>   sorted sets: UIDs that wait for their announcement, by seq
 *     refused          set: UIDs that the core has refused
 *     held             hash: tenant → number of keys; '' stands for all
 *     ivs              hash: uid → random IVs spent
 *
 * UIDs are unique over all tenants, and yet no script reads or changes a key without the tenant whose it is.
 */

const shared = `
local P = KEYS[1]
local function key(uid) return P .. 'k:' .. uid end
local function enqueue(tenant, uid, seq)
  redis.call('ZADD', P .. 'line', seq, uid)
  redis.call('ZADD', P .. 'line:' .. tenant, seq, uid)
end
local function dequeue(tenant, uid)
  redis.call('ZREM', P .. 'line', uid)
  redis.call('ZREM', P .. 'line:' .. tenant, uid)
end
local function count(tenant, by)
  redis.call('HINCRBY', P .. 'held', tenant, by)
  redis.call('HINCRBY', P .. 'held', '', by)
end
local function dropNames(tenant, uid)
  for _, name in ipairs(redis.call('LRANGE', P .. 'n:' .. uid, 0, -1)) do
    if redis.call('HGET', P .. 'names:' .. tenant, name) == uid then redis.call('HDEL', P .. 'names:' .. tenant, name) end
  end
  redis.call('DEL', P .. 'n:' .. uid)
end
local function claim(tenant, uid, first, last)
  for i = first, last do
    redis.call('HSET', P .. 'names:' .. tenant, ARGV[i], uid)
    redis.call('RPUSH', P .. 'n:' .. uid, ARGV[i])
  end
end
-- The tenant's key: seq, revision, announced, fresh; nothing where it is not held, or another's.
local function own(tenant, uid)
  local row = redis.call('HMGET', key(uid), 't', 's', 'r', 'a', 'f')
  if row[1] ~= tenant then return nil end
  return { seq = row[2], revision = tonumber(row[3]), announced = row[4], fresh = row[5] }
end
local function announced(tenant, uid, fresh)
  local row = own(tenant, uid)
  if not row or row.announced ~= '0' then return end
  -- That it has been served since, the core does not know yet.
  if fresh == '1' and row.fresh == '0' then return end
  redis.call('HSET', key(uid), 'a', '1')
  dequeue(tenant, uid)
end
local function levels(...)
  return { redis.call('ZCARD', P .. 'line'), tonumber(redis.call('HGET', P .. 'held', '') or '0'), ... }
end
`;

/** What each answers besides `levels` (backlog, held) stands before it. */
const bodies = {
  // 'ok' | 'name', the name | 'quota'. ARGV: tenant, quota, number of keys; of each: uid, revision, fresh, body, number of names, names.
  insert: `
local tenant, quota, total = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if tonumber(redis.call('HGET', P .. 'held', tenant) or '0') + total > quota then return levels('quota') end
local at, claimed = 4, {}
for _ = 1, total do
  local names = tonumber(ARGV[at + 4])
  if redis.call('EXISTS', key(ARGV[at])) == 1 then return redis.error_reply('UID exists') end
  for i = at + 5, at + 4 + names do
    if claimed[ARGV[i]] or redis.call('HEXISTS', P .. 'names:' .. tenant, ARGV[i]) == 1 then return levels('name', ARGV[i]) end
    claimed[ARGV[i]] = true
  end
  at = at + 5 + names
end
at = 4
for _ = 1, total do
  local uid, names = ARGV[at], tonumber(ARGV[at + 4])
  local seq = redis.call('HINCRBY', P .. 'meta', 'seq', 1)
  redis.call('HSET', key(uid), 't', tenant, 's', seq, 'r', ARGV[at + 1], 'a', '0', 'f', ARGV[at + 2], 'b', ARGV[at + 3])
  claim(tenant, uid, at + 5, at + 4 + names)
  enqueue(tenant, uid, seq)
  at = at + 5 + names
end
count(tenant, total)
return levels('ok')`,

  // ARGV: tenant, uid, revision, fresh, body, body once served ('' where it is), names.
  apply: `
local tenant, uid, fresh, body = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
if redis.call('SISMEMBER', P .. 'dead:' .. tenant, uid) == 1 then return levels() end
local row = own(tenant, uid)
if not row and redis.call('EXISTS', key(uid)) == 1 then return levels() end
if row and row.revision >= tonumber(ARGV[3]) then
  announced(tenant, uid, fresh)
  return levels()
end
local state = '1'
if row and fresh == '1' and row.fresh == '0' then fresh, body, state = '0', ARGV[6], '0' end
local seq
if row then seq = row.seq else
  seq = redis.call('HINCRBY', P .. 'meta', 'seq', 1)
  count(tenant, 1)
end
redis.call('HSET', key(uid), 't', tenant, 's', seq, 'r', ARGV[3], 'a', state, 'f', fresh, 'b', body)
redis.call('SREM', P .. 'refused', uid)
dropNames(tenant, uid)
claim(tenant, uid, 7, #ARGV)
if state == '0' then enqueue(tenant, uid, seq) else dequeue(tenant, uid) end
return levels()`,

  // ARGV: tenant, uid.
  destroy: `
local tenant, uid = ARGV[1], ARGV[2]
if own(tenant, uid) then
  redis.call('DEL', key(uid))
  redis.call('SREM', P .. 'refused', uid)
  redis.call('HDEL', P .. 'ivs', uid)
  dequeue(tenant, uid)
  dropNames(tenant, uid)
  count(tenant, -1)
end
redis.call('SADD', P .. 'dead:' .. tenant, uid)
return levels()`,

  // 'done' | 'again', as it has changed meanwhile. ARGV: tenant, uid, revision, body once served.
  serve: `
local tenant, uid = ARGV[1], ARGV[2]
local row = own(tenant, uid)
if not row or row.fresh == '0' then return levels('done') end
if row.revision ~= tonumber(ARGV[3]) then return levels('again') end
redis.call('HSET', key(uid), 'f', '0', 'b', ARGV[4])
if row.announced == '1' then
  redis.call('HSET', key(uid), 'a', '0')
  enqueue(tenant, uid, row.seq)
end
return levels('done')`,

  // ARGV: tenant, uid, fresh (as it was announced).
  announce: `
announced(ARGV[1], ARGV[2], ARGV[3])
return levels()`,

  // ARGV: tenant, uid.
  refuse: `
local tenant, uid = ARGV[1], ARGV[2]
local row = own(tenant, uid)
if row and row.announced == '0' then
  redis.call('HSET', key(uid), 'a', '2')
  redis.call('SADD', P .. 'refused', uid)
  dequeue(tenant, uid)
end
return levels()`,

  // How many came back into the line. ARGV: how many at most.
  offerAgain: `
local uids = redis.call('SPOP', P .. 'refused', ARGV[1])
for _, uid in ipairs(uids) do
  local row = redis.call('HMGET', key(uid), 't', 's', 'a')
  if row[3] == '2' then
    redis.call('HSET', key(uid), 'a', '0')
    enqueue(row[1], uid, row[2])
  end
end
return levels(#uids)`,

  // After the levels, of each key tenant, uid, body. ARGV: how many at most, tenant or ''.
  waiting: `
local line = P .. 'line'
if ARGV[2] ~= '' then line = line .. ':' .. ARGV[2] end
local found = levels()
for _, uid in ipairs(redis.call('ZRANGE', line, 0, tonumber(ARGV[1]) - 1)) do
  local row = redis.call('HMGET', key(uid), 't', 'b')
  if row[1] then
    found[#found + 1] = row[1]
    found[#found + 1] = uid
    found[#found + 1] = row[2]
  end
end
return found`,

  // Of each UID whose it is ('none', 'own', 'another'), announced, body, random IVs. ARGV: tenant, UIDs.
  load: `
local found = {}
for i = 2, #ARGV do
  local row = redis.call('HMGET', key(ARGV[i]), 't', 'a', 'b')
  local whose = 'none'
  if row[1] then whose = row[1] == ARGV[1] and 'own' or 'another' end
  found[#found + 1] = whose
  found[#found + 1] = whose == 'own' and row[2] or ''
  found[#found + 1] = whose == 'own' and row[3] or ''
  found[#found + 1] = whose == 'own' and (redis.call('HGET', P .. 'ivs', ARGV[i]) or '0') or '0'
end
return found`,

  // Of each UID the sum. ARGV: uid, more, uid, more, …
  spendIvs: `
local sums = {}
for i = 1, #ARGV, 2 do sums[#sums + 1] = redis.call('HINCRBY', P .. 'ivs', ARGV[i], ARGV[i + 1]) end
return sums`,

  // Heads only grow. ARGV: head.
  head: `
local before = tonumber(redis.call('HGET', P .. 'meta', 'head') or '0')
if tonumber(ARGV[1]) > before then redis.call('HSET', P .. 'meta', 'head', ARGV[1]) end
return levels()`,

  look: `return levels()`,

  // ARGV: tenant.
  waitingOf: `return redis.call('ZCARD', P .. 'line:' .. ARGV[1])`,

  // The id under which this keyspace was opened first, and its head. ARGV: an id, for the first time.
  open: `
redis.call('HSETNX', P .. 'meta', 'id', ARGV[1])
local meta = redis.call('HMGET', P .. 'meta', 'id', 'head')
return levels(meta[1], meta[2] or '0')`,

  // Id and head. '' where the keyspace is empty: what has been opened is gone.
  identify: `
local meta = redis.call('HMGET', P .. 'meta', 'id', 'head')
return { meta[1] or '', meta[2] or '0' }`,
} as const satisfies Record<string, string>;

export type ScriptName = keyof typeof bodies;

export const scripts: ReadonlyMap<ScriptName, string> = new Map(
  (Object.keys(bodies) as ScriptName[]).map((name) => [name, shared + bodies[name]]),
);
