/** Every number that bounds CMK, in one place (D14). Past one of them a caller gets LIMIT_REACHED with its name. */

/** Connections for requests, and for what runs by itself: nobody who asks for much delays a kill switch or a renewal. */
export const REQUEST_POOL_MAX = 16;
export const WORK_POOL_MAX = 8;
export const MAX_REGIONS = 1000;
export const MAX_GATEWAYS_PER_REGION = 256;
export const MAX_ISSUERS = 256;
export const MAX_SERVICES_PER_TENANT = 1000;
export const MAX_KEYS_PER_TENANT = 100;
/** Keys that wait for their material, until that is too late. */
export const MAX_OPEN_IMPORTS_PER_TENANT = 10;
export const MAX_APPLICATIONS_PER_TENANT = 10_000;
export const MAX_KEY_CONFIGURATIONS_PER_TENANT = 100;
export const MAX_SYSTEMS_PER_TENANT = 10_000;

export const MAX_BODY_BYTES = 64 * 1024;
export const MAX_CERTIFICATE_LENGTH = 16_384;
export const MAX_SEARCH_LENGTH = 64;
export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 200;
export const REQUEST_TIMEOUT_MS = 30_000;
export const MAX_CONNECTIONS = 512;
/** Of those; `http.connectionsPerAddress` says otherwise. */
export const MAX_CONNECTIONS_PER_ADDRESS = 64;
/** How long a connection waits for the next request while none on it has come with a good credential. */
export const STRANGER_KEEP_ALIVE_MS = 10_000;
/** So many requests without a valid credential are answered at once, and one more for each time that has passed. */
export const AUTH_FAILURE_BURST = 20;
export const AUTH_FAILURE_REFILL_MS = 1_000;
/** The same is each principal's budget of refusals. So many budgets are kept: of those who were refused last. */
export const MAX_REFUSAL_BUDGETS = 10_000;
/** Principals, and tenants, that each have an audit event of their own for what was refused within a second. */
export const MAX_REFUSALS_PER_ROUND = 16;

/** A region that has said nothing for so long is shown as stale. Regions report every few seconds. */
export const REPORT_STALE_MS = 15_000;
/** By so much a region's clock may be ahead of ours. */
export const MAX_REPORT_AHEAD_MS = 5 * 60_000;
/** So long ago by our clock a manifest may have been signed. The broker keeps a report for a minute; clocks differ as above. */
export const MAX_MANIFEST_AGE_MS = 5 * 60_000;
/**
 * By so much one may be older than the last that was taken in of the region and still be honest: the clocks of a region's cores
 * differ by a minute at most, and what a CMK that dies has in hand comes again after another.
 */
export const MAX_MANIFEST_OVERTAKEN_MS = 2 * 60_000;
/**
 * Epochs beyond those that governance knows to have given out that it believes a region to have: it may have given them out before
 * it was put back itself. More of them would let a region's word end a tenant.
 */
export const EPOCHS_AHEAD = 16;

/** Provisioning and registration that a region has not done by then has failed; it can be retried. */
export const PROVISION_DEADLINE_MS = 24 * 3_600_000;
/** The region's key pair of an epoch is useless once nobody waits for the link any more. */
export const PREPARE_DEADLINE_MS = 24 * 3_600_000;

/**
 * Longest that each of the two jobs of a rotation may take. Renewals of the living epoch stand behind them, so a rotation
 * that a region cannot do must be over long before that epoch expires.
 */
export const ROTATE_DEADLINE_MS = 3_600_000;
export const rotateDeadlineMs = (ttlMs: number): number =>
  Math.max(1, Math.min(ROTATE_DEADLINE_MS, Math.floor(ttlMs / 8)));
/** Links that the schedule rotates in one round: what was onboarded together comes due together. */
export const ROTATE_BATCH = 64;
/** A scheduled rotation comes up to this share of its period early, so that tenants do not come all at once. */
export const ROTATE_JITTER = 0.1;
/** A scheduled rotation that could not be begun, or has failed, is tried again so much later. */
export const ROTATE_RETRY_MS = 3_600_000;
/** Shortest period that may be asked for, of links and of keys. */
export const MIN_ROTATE_AFTER_S = 3_600;

/** A rotation or destruction of a key that a region has not done by then has failed. */
export const KEY_JOB_DEADLINE_MS = 3_600_000;
/** How old the inventory may be on whose word a version is destroyed; an answer that comes later is of no use. */
export const MAX_INVENTORY_AGE_MS = 15 * 60_000;
/**
 * How often regions rotate keys where nobody has set anything, in seconds; a region may be configured otherwise. A policy
 * is compared with it to tell whether it protects less.
 */
export const DEFAULT_ROTATE_AFTER_S = { tenantKey: 90 * 86_400, serviceKey: 30 * 86_400 } as const;

/** How long a worker that calls the keystore keeps others away from the link; longer than its calls may take. */
export const SEAL_CLAIM_MS = 60_000;
export const SEAL_CONCURRENCY = 8;
/** Within the time that a process has to shut down. */
export const SEAL_STOP_MS = 2_000;
export const SEAL_RETRY = { baseMs: 1_000, capMs: 60_000 } as const;
/** The worker is woken by NOTIFY; this is the safety net. */
export const SEAL_POLL_MS = 1_000;

export const RENEW_BATCH = 64;
export const PROBE_PAGE = 200;
export const KEYSTORE_CONCURRENCY = 4;

/** Longer than any token of a sane provider, shorter than what Node takes as headers. */
export const MAX_AUTHORIZATION_LENGTH = 8_192;
/** A token older than this is refused, however long its provider lets it live. */
export const MAX_TOKEN_AGE_S = 24 * 3_600;
/** How far a provider's clock may be from ours. */
export const TOKEN_CLOCK_TOLERANCE_S = 30;
export const MAX_GROUPS_PER_TOKEN = 256;
export const MAX_ISSUERS_OF_PEOPLE = 16;
export const ISSUER_TIMEOUT_MS = 5_000;
/** A provider that did not answer is left alone for so long. */
export const ISSUER_RETRY_MS = 5_000;
export const MAX_ISSUER_ANSWER_BYTES = 256 * 1024;
/** Of one tenant. */
export const MAX_GROUPS_PER_TENANT = 1_000;
export const MAX_MEMBERS_PER_GROUP = 1_000;
export const MAX_ROLE_GRANTS_PER_TENANT = 1_000;
export const MAX_WORKSPACES_PER_TENANT = 1_000;
export const MAX_MACHINE_CLIENTS_PER_TENANT = 1_000;
/** How many tenants one principal may belong to; those beyond are not seen. */
export const MAX_TENANTS_PER_PRINCIPAL = 1_000;
/** A proposal that nobody has decided by then has expired. */
export const PROPOSAL_TTL_MS = 7 * 86_400_000;
export const MAX_PENDING_PROPOSALS = 200;
/** Approvals that a rule may ask for, by others than the proposer. */
export const MAX_APPROVALS = 9;
export const MAX_APPROVERS = 100;
export const MAX_APPROVER_GROUPS = 50;
export const MAX_GROUPS_PER_RULE = 8;
/** Proposals that end by time in one round, and how often that is looked for. */
export const EXPIRY_BATCH = 100;
export const EXPIRY_POLL_MS = 1_000;

export const MAX_CHANNELS_PER_TENANT = 20;
/** Places that were changed or removed, and have not been told of it yet. */
export const MAX_LEAVING_CHANNELS = 20;
export const MAX_EVENT_PATTERNS = 32;
export const MAX_MAIL_ADDRESSES = 20;
/** One delivery, from the look-up of the name to the answer. */
export const NOTIFICATION_TIMEOUT_MS = 10_000;
/** Milliseconds for each question to a name server. */
export const NAME_LOOKUP = { timeout: 2_000, tries: 2 } as const;
/** Longer than all that a channel is told under one claim may take. */
export const NOTIFICATION_CLAIM_MS = 60_000;
export const NOTIFICATION_CONCURRENCY = 8;
/** Audit events that a channel looks at in one round. */
export const NOTIFICATION_BATCH = 100;
export const NOTIFICATION_POLL_MS = 1_000;
export const NOTIFICATION_RETRY = { baseMs: 2_000, capMs: 3_600_000 } as const;
/** They take most of a day; then the event is given up, and said to be lost. */
export const NOTIFICATION_ATTEMPTS = 40;

/** How long a repeated request is recognised by its Idempotency-Key. */
export const IDEMPOTENCY_TTL_MS = 24 * 3_600_000;
/** After so long without an answer a request with a key may be taken over; who was too slow changes nothing any more. */
export const IDEMPOTENCY_CLAIM_MS = 60_000;
/** For each principal and tenant. */
export const MAX_IDEMPOTENCY_KEYS = 1_000;
/** Longer answers, in characters, are not kept for repetitions: those learn that the request was carried out. */
export const MAX_KEPT_ANSWER_LENGTH = 64 * 1024;
export const IDEMPOTENCY_SWEEP_MS = 60_000;
export const IDEMPOTENCY_SWEEP_BATCH = 5_000;
/** Regions of one simulation; further ones are asked for in another. */
export const MAX_SIMULATED_REGIONS = 64;
/** Applications that a report names; all are counted. */
export const MAX_SIMULATED_APPLICATIONS = 500;
/** The same of systems. */
export const MAX_SIMULATED_SYSTEMS = 500;
/** Proposals, and jobs, that a report names: the oldest. */
export const MAX_SIMULATED_WORKFLOWS = 200;
/** Reports that are kept of one tenant: the newest. */
export const MAX_SIMULATIONS_PER_TENANT = 100;

export const MIN_DRILL_S = 1;
export const MAX_DRILL_S = 4 * 3_600;
/** Regions end a drill by themselves so much later than governance does. */
export const DRILL_MARGIN_MS = 30_000;
/** A region that has not confirmed the end of a drill so long after its own end is not waited for. */
export const DRILL_CONFIRM_MS = 60_000;
/** How often drills are looked at that may be due. */
export const DRILL_CHECK_MS = 1_000;
/** Drills that one round ends. */
export const DRILL_BATCH = 64;
/** Drills that are kept of one tenant: the newest. */
export const MAX_DRILLS_PER_TENANT = 200;
/** Designations of one tenant, withdrawn ones among them. */
export const MAX_DRILL_TARGETS_PER_TENANT = 2_000;
/** Events that one request recomputes at most, and how many are read at once. */
export const MAX_VERIFIED_EVENTS = 50_000;
export const VERIFY_PAGE = 500;
/** Verifications, exports and checkpoints that are asked for, in all and of one chain; and how long the others wait. */
export const AUDIT_WALKS = {
  max: 4,
  maxPerKey: 2,
  maxQueued: 32,
  maxQueuedPerKey: 4,
  maxWaitMs: 5_000,
} as const;
/** Chains of one step of a round of checkpoints, and events that one checkpoint goes further at most. */
export const CHECKPOINT_CHAINS = 1_000;
export const CHECKPOINT_EVENTS = 50_000;
/** Heads of its trail that are kept of each core, the newest. */
export const MAX_REGION_HEADS = 1_000;
/** Chains whose last checkpoint a running CMK remembers. */
export const MAX_REMEMBERED_CHAINS = 20_000;
/** Events that the walk through all chains looks at in a round, and as how many a short chain counts. */
export const WALK_EVENTS = 5_000;
export const WALK_CHAIN = 100;
/** How often chains that have grown are signed, where nothing else is configured. */
export const CHECKPOINT_EVERY_MS = 60_000;
/** Events and bytes of one answer of an export, and how many events are read at once. */
export const MAX_EXPORT_EVENTS = 5_000;
export const MAX_EXPORT_BYTES = 4 * 1024 * 1024;
export const EXPORT_PAGE = 500;
/** One request to an OTLP endpoint: events, bytes of what they tell, chains; and how many requests a round makes. */
export const MAX_OTLP_EVENTS = 512;
export const MAX_OTLP_BYTES = 2 * 1024 * 1024;
export const OTLP_CHAINS = 64;
export const OTLP_REQUESTS_PER_ROUND = 100;
export const OTLP_TIMEOUT_MS = 10_000;
/** Longer than a request may take: who crashed holds nobody up for longer. */
export const OTLP_CLAIM_MS = 60_000;
export const OTLP_EVERY_MS = 5_000;
export const OTLP_RETRY = { baseMs: 1_000, capMs: 60_000 } as const;
/** However long the endpoint asks for. */
export const MAX_OTLP_PAUSE_MS = 5 * 60_000;
/** A key is asked for up to this share of its interval early, so that keys do not come all at once. */
export const PROBE_JITTER = 0.15;
/** How often due keys are looked for, as a share of the interval; what that adds is taken off the interval. */
export const PROBE_SCAN = { share: 0.1, minMs: 20, maxMs: 1_000 } as const;
/** A keystore without a clear answer is asked at most so much more rarely, and never more rarely than this. */
export const PROBE_BACKOFF_FACTOR = 8;
export const PROBE_BACKOFF_CAP_MS = 60_000;
/** Keys that no link stands on are asked for so much more rarely, and never more often than this. */
export const IDLE_PROBE_FACTOR = 10;
export const MIN_IDLE_PROBE_MS = 900_000;
/** How soon a process of CMK signs by the key that governance has gone over to. */
export const SIGNING_KEY_POLL_MS = 1_000;
/** A key that has signed so lately is not retired: processes that have not gone over yet, reports under way. */
export const SIGNING_OVERLAP_MS = 10_000;
/** Of governance, and of each region: retired ones are kept, so that they stay refused. */
export const MAX_KEPT_SIGNING_KEYS = 1024;
/** Kinds of refused messages that are listed: by code, channel, key and region; of the most numerous code the ones of longest ago go first. */
export const MAX_REFUSED_KINDS = 500;
/** Failed tasks that one request asks once more. */
export const MAX_RETRIED_JOBS = 100;

/** How often manifests that regions have told are looked at, where nothing else is configured. */
export const DRIFT_CHECK_EVERY_MS = 1_000;
/** What has changed so shortly before a region was asked is left alone; clocks of CMK's processes may differ by less. */
export const DRIFT_SETTLE_MS = 60_000;
/** What is still wrong so long after it was mended is mended again, so often at most. */
export const DRIFT_RETRY_MS = 600_000;
export const MAX_DRIFT_ATTEMPTS = 5;
/** Pages, questions and answers of one look. */
export const DRIFT_BATCH = 64;
/** Items that are wanted in the range of one page and looked at in one statement. */
export const DRIFT_OWN_LIMIT = 512;
/** A region that has not read a page out by then is asked again later. */
export const DRIFT_READ_DEADLINE_MS = 5 * 60_000;
/** What is made anew apart from the job that all regions share must not outlive what is asked of the thing next by long. */
export const DRIFT_APART_DEADLINE_MS = 5 * 60_000;
/**
 * Mends of one region that are under way at once, and mends, or events about what nobody mends, within DRIFT_ALLOWANCE_MS. Of
 * things that governance knows as many as a region that has lost everything needs; of names that it has never heard, few.
 */
export const DRIFT_ALLOWANCE = {
  known: { live: 10_000, perHour: 20_000 },
  unknown: { live: 256, perHour: 1_000 },
  told: { perHour: 1_000 },
} as const;
export const DRIFT_ALLOWANCE_MS = 3_600_000;
/** How long a CMK that looks at an answer keeps others away from it. */
export const DRIFT_CLAIM_MS = 60_000;
/** Pages that are kept of one region: some six million things. */
export const MAX_DRIFT_PAGES_PER_REGION = 50_000;
/** Findings of one answer that are recorded and mended before the page is read again, and that are kept of one region. */
export const MAX_DRIFT_FINDINGS_PER_READ = 256;
export const MAX_DRIFT_FINDINGS_PER_REGION = 10_000;

/** How long somebody is signed in to the portal at most, and how long without a request. */
export const PORTAL_SESSION_MS = 10 * 3_600_000;
export const PORTAL_IDLE_MS = 30 * 60_000;
/** A use is written down so often at most. */
export const PORTAL_USE_NOTED_MS = 60_000;
/** An access token is replaced so long before it ends. */
export const PORTAL_REFRESH_MARGIN_MS = 15_000;
/** How long one request that asks the provider for the next token keeps others from it, and others wait for it. */
export const PORTAL_REFRESH_CLAIM_MS = 8_000;
/** Of one person; the one that was not used for longest makes room. */
export const MAX_PORTAL_SESSIONS_EACH = 8;
export const MAX_PORTAL_SESSIONS = 20_000;
/** Between leaving for the provider and coming back. */
export const PORTAL_SIGN_IN_MS = 10 * 60_000;
/**
 * Sessions that are looked up at once, each with a connection of REQUEST_POOL_MAX: cookies that somebody has made up leave
 * the others to whoever comes with a token. A key is an address that asks.
 */
export const PORTAL_LOOKUPS = {
  max: 6,
  maxPerKey: 4,
  maxQueued: 256,
  maxQueuedPerKey: 96,
  maxWaitMs: 5_000,
} as const;
/** Codes that are redeemed at one provider at once: anybody can come back with one that is none. */
export const PORTAL_EXCHANGES = {
  max: 4,
  maxPerKey: 2,
  maxQueued: 32,
  maxQueuedPerKey: 8,
  maxWaitMs: 10_000,
} as const;
