// Made from the OpenAPI document by `npm run client`. Do not change it by hand.

export type ClientOptions = {
    baseUrl: `${string}://${string}` | (string & {});
};

/**
 * Application
 */
export type Application = {
    name: string;
    services: Array<string>;
    operations: Array<string> | null;
    /**
     * Hex SHA-256 of the SubjectPublicKeyInfo
     */
    fingerprint: string;
    /**
     * The one that was registered last; another of the same key is let in as well
     */
    certificate: {
        subject: string;
        issuer: string;
        /**
         * RFC 3339, UTC
         */
        notBefore: string;
        /**
         * RFC 3339, UTC
         */
        notAfter: string;
    };
    state: 'provisioning' | 'active' | 'failed' | 'removing';
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
    regions: Array<{
        region: string;
        state: string;
        error: string | null;
    }>;
};

/**
 * ApprovalRequirement
 */
export type ApprovalRequirement = {
    /**
     * The tenant’s policy, or the rule that asks for it
     */
    rule: string;
    /**
     * By others than the proposer
     */
    approvals: number;
    given: number;
    groups: Array<string>;
    /**
     * Who may give them: the members when it was made; null: whoever is permitted to approve
     */
    approvers: Array<string> | null;
};

/**
 * ApprovalRules
 */
export type ApprovalRules = {
    tenant: string;
    /**
     * Holds for every action without a rule, where there is none for "any"
     */
    policy: {
        name: string;
        approvals: number;
    };
    rules: Array<{
        action: string;
        approvals: number;
        groups: Array<string>;
        setBy: string;
        /**
         * RFC 3339, UTC
         */
        setAt: string;
    }>;
    groups: Array<{
        name: string;
        members: Array<string>;
        setBy: string;
        /**
         * RFC 3339, UTC
         */
        setAt: string;
    }>;
};

/**
 * DriftFinding
 */
export type DriftFinding = {
    region: string;
    class: 'tenant' | 'service' | 'key' | 'identity' | 'issuer';
    /**
     * A tenant, TENANT/SERVICE, or a fingerprint
     */
    item: string;
    finding: 'tenant-unknown' | 'tenant-residue' | 'tenant-ended' | 'tenant-blocked' | 'tenant-lost' | 'tenant-missing' | 'tenant-unconfirmed' | 'tenant-ended-there' | 'link-open' | 'link-unheld' | 'link-ahead' | 'link-lost' | 'tenant-unclear' | 'service-missing' | 'service-unconfirmed' | 'service-unknown' | 'keys-rewound' | 'keys-damaged' | 'identity-unknown' | 'identity-removed' | 'identity-missing' | 'identity-different' | 'identity-unconfirmed' | 'issuer-missing' | 'issuer-unknown';
    meaning: string;
    mend: 'close' | 'revoke' | 'provision' | 'tell';
    /**
     * Mended as often as is tried: somebody has to look
     */
    givenUp: boolean;
    wanted: string | null;
    told: string | null;
    /**
     * RFC 3339, UTC
     */
    foundAt: string;
    /**
     * RFC 3339, UTC
     */
    seenAt: string;
    job: string | null;
};

/**
 * Issuer
 */
export type Issuer = {
    /**
     * Hex SHA-256 of the SubjectPublicKeyInfo
     */
    fingerprint: string;
    subject: string;
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
    regions: Array<{
        region: string;
        state: string;
        error: string | null;
    }>;
};

/**
 * Job
 */
export type Job = {
    id: string;
    kind: string;
    entity: string;
    lane: string;
    state: 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';
    correlationId: string;
    createdAt: string;
    settledAt: string | null;
};

/**
 * JobRetries
 */
export type JobRetries = {
    retried: Array<string>;
    /**
     * Jobs that were left as they are, and why
     */
    left: Array<{
        /**
         * See GET /v1/jobs/{id}
         */
        job: string;
        code: string;
        detail: string;
    }>;
    /**
     * The cursor that continues; absent at the end
     */
    next?: string;
};

/**
 * JobTask
 */
export type JobTask = {
    id: string;
    region: string;
    state: 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';
    attempt: number;
    error: {
        code: string;
        message: string;
        retryable: boolean;
    } | null;
    deadlineAt: string | null;
    nextAttemptAt: string | null;
    updatedAt: string;
};

/**
 * JobWithTasks
 */
export type JobWithTasks = {
    id: string;
    kind: string;
    entity: string;
    lane: string;
    state: 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';
    correlationId: string;
    createdAt: string;
    settledAt: string | null;
    tasks: Array<JobTask>;
};

/**
 * KeyConfiguration
 */
export type KeyConfiguration = {
    name: string;
    description: string;
    primaryKey: string | null;
    keys: Array<{
        alias: string;
        state: string;
    }>;
    /**
     * How many are linked to it
     */
    systems: number;
    state: 'empty' | 'prepared' | 'in-use';
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
};

/**
 * ListedTask
 */
export type ListedTask = {
    id: string;
    region: string;
    state: 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';
    attempt: number;
    error: {
        code: string;
        message: string;
        retryable: boolean;
    } | null;
    deadlineAt: string | null;
    nextAttemptAt: string | null;
    updatedAt: string;
    /**
     * See GET /v1/jobs/{id}
     */
    job: string;
    kind: string;
    entity: string;
    correlationId: string;
};

/**
 * NotificationChannel
 */
export type NotificationChannel = {
    name: string;
    kind: 'webhook' | 'email';
    url: string | null;
    to: Array<string> | null;
    events: Array<string>;
    /**
     * Audit events that it has not come to yet
     */
    behind: number;
    /**
     * Failures in a row of the event that comes next
     */
    attempts: number;
    error: string | null;
    nextAttemptAt: string | null;
    deliveredAt: string | null;
    /**
     * Events that were given up
     */
    lost: number;
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
};

/**
 * Problem
 */
export type Problem = {
    /**
     * Names the error; the same for the same code
     */
    type: string;
    title: string;
    status: number;
    code: 'INVALID_REQUEST' | 'INVALID_CERTIFICATE' | 'INVALID_PUBLIC_KEY' | 'INVALID_CURSOR' | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'FOUR_EYES' | 'NOT_APPROVER' | 'NOT_PROPOSER' | 'PORTAL_NOT_BUILT' | 'ROUTE_UNKNOWN' | 'REGION_UNKNOWN' | 'GATEWAY_UNKNOWN' | 'TENANT_UNKNOWN' | 'SERVICE_UNKNOWN' | 'KEYSTORE_UNKNOWN' | 'KEY_UNKNOWN' | 'KEY_CONFIGURATION_UNKNOWN' | 'SYSTEM_UNKNOWN' | 'APPLICATION_UNKNOWN' | 'PROPOSAL_UNKNOWN' | 'ACCESS_GROUP_UNKNOWN' | 'MEMBER_UNKNOWN' | 'ROLE_UNKNOWN' | 'CLIENT_UNKNOWN' | 'WORKSPACE_UNKNOWN' | 'ACTION_UNKNOWN' | 'GROUP_UNKNOWN' | 'CHANNEL_UNKNOWN' | 'SIGNING_KEY_UNKNOWN' | 'JOB_UNKNOWN' | 'KEY_VERSION_UNKNOWN' | 'SIMULATION_UNKNOWN' | 'DRILL_UNKNOWN' | 'ALREADY_EXISTS' | 'KEY_FINGERPRINT_TAKEN' | 'KEY_BELONGS_TO_OTHER_TENANT' | 'ALREADY_LINKED' | 'LINK_BUSY' | 'NOT_LINKED' | 'NO_REGIONS' | 'PROPOSAL_DECIDED' | 'QUORUM_UNREACHABLE' | 'GROUP_IN_USE' | 'KEY_SWITCH_NEEDED' | 'JOB_LIVE' | 'JOB_NOT_RETRYABLE' | 'JOB_NOT_CANCELLABLE' | 'SIGNING_KEY_STATE' | 'SIGNING_KEY_IN_USE' | 'SIGNING_KEY_BUSY' | 'KEY_NOT_USABLE' | 'INVENTORY_NEEDED' | 'KEY_VERSION_STATE' | 'DEPENDENTS_DIFFER' | 'WORKSPACE_TAKEN' | 'ACCESS_GROUP_IN_USE' | 'LAST_OF_ITS_ROLE' | 'APPOINTMENT_OVER' | 'TENANT_STATE' | 'TENANT_NOT_EMPTY' | 'KEY_CONFIGURATION_EMPTY' | 'KEY_CONFIGURATION_IN_USE' | 'REVISION_DIFFERS' | 'IDEMPOTENCY_KEY_BUSY' | 'IDEMPOTENT_ANSWER_LOST' | 'IDEMPOTENCY_KEY_REUSED' | 'NOT_A_DRILL_TARGET' | 'DRILL_TARGET_IN_USE' | 'DRILL_TARGET' | 'DRILL_RUNNING' | 'DRILL_OVER' | 'AUDIT_CHAIN_BROKEN' | 'PAYLOAD_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE' | 'KEYSTORE_PATH_REFUSED' | 'CHANNEL_REFUSED' | 'NOTIFICATIONS_OFF' | 'LIMIT_REACHED' | 'DRILL_NOT_CONFIRMED' | 'TOO_MANY_FAILURES' | 'INTERNAL' | 'ISSUER_UNAVAILABLE' | 'KEYSTORE_UNAVAILABLE' | 'DATABASE_UNAVAILABLE' | 'PORTAL_BUSY' | 'AUDIT_BUSY' | 'IMPORT_UNKNOWN' | 'IMPORT_EXPIRED' | 'IMPORT_REFUSED' | 'KEYSTORE_CANNOT' | 'POLICY_REFUSED' | 'CLIENT_KEY_DIFFERS' | 'APPROVER_BY_CLAIM';
    detail: string;
    /**
     * What to do next
     */
    hint: string;
    correlationId: string;
};

/**
 * Proposal
 */
export type Proposal = {
    id: string;
    tenant: string;
    action: string;
    parameters: {
        [key: string]: unknown;
    };
    state: 'pending' | 'executed' | 'failed' | 'rejected' | 'revoked' | 'expired';
    policy: string;
    /**
     * How many people have to agree, the proposer counted
     */
    quorum: number;
    /**
     * All have to be satisfied
     */
    requirements: Array<ApprovalRequirement>;
    proposer: string;
    approvals: Array<{
        approver: string;
        /**
         * RFC 3339, UTC
         */
        at: string;
    }>;
    jobs: Array<{
        region: string;
        /**
         * See GET /v1/jobs/{id}
         */
        job: string;
    }>;
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
    /**
     * RFC 3339, UTC
     */
    expiresAt: string;
    decidedAt: string | null;
    decidedBy: string | null;
    reason: string | null;
    /**
     * Why an approved proposal was not carried out: ask for it anew
     */
    error: {
        code: string;
        detail: string;
    } | null;
    correlationId: string;
};

/**
 * RefusedMessage
 */
export type RefusedMessage = {
    code: string;
    meaning: string;
    channel: string;
    keyId: string | null;
    claims: string | null;
    count: number;
    /**
     * RFC 3339, UTC
     */
    firstAt: string;
    /**
     * RFC 3339, UTC
     */
    lastAt: string;
};

/**
 * Region
 */
export type Region = {
    name: string;
    keyId: string;
    endpoints: {
        [key: string]: string;
    };
    /**
     * RFC 3339, UTC
     */
    enrolledAt: string;
    report: {
        region: string;
        at: string;
        core: {
            instance: string;
            startedAt: string;
            seal: 'sealed' | 'unsealed';
            sealKind: string;
        };
        gateways: Array<{
            name: string;
            connected: boolean;
            appliedHead: number;
            head: number;
            leases: number;
            backlog: number;
            lastSeenAt: string;
        }>;
        linkCounts?: {
            none: number;
            prepared: number;
            open: number;
            expired: number;
            closed: number;
        };
        audit?: {
            sequence: number;
            hash: string;
            at: string;
            keyId: string;
            signature: string;
        };
        auditFault?: 'REWOUND' | 'REWRITTEN';
    } | null;
    reportedAt: string | null;
    /**
     * The last report is older than it should be, or there is none
     */
    stale: boolean;
    gateways: Array<{
        name: string;
        /**
         * Hex SHA-256 of the SubjectPublicKeyInfo
         */
        fingerprint: string;
        state: string;
        error: string | null;
    }>;
};

/**
 * RegionDrift
 */
export type RegionDrift = {
    region: string;
    pages: number;
    agreeing: number;
    items: number;
    oldestTold: string | null;
    findings: number;
};

/**
 * RegionKey
 */
export type RegionKey = {
    /**
     * Names a signing key; never used twice
     */
    keyId: string;
    /**
     * Ed25519, SubjectPublicKeyInfo PEM
     */
    publicKey: string;
    state: 'announced' | 'active' | 'retiring' | 'retired';
    since: string | null;
    heardAt: string | null;
};

/**
 * Service
 */
export type Service = {
    name: string;
    state: 'provisioning' | 'active' | 'failed';
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
    regions: Array<{
        region: string;
        state: string;
        l3Version: number | null;
        error: string | null;
    }>;
};

/**
 * SigningKey
 */
export type SigningKey = {
    /**
     * Names a signing key; never used twice
     */
    keyId: string;
    /**
     * Ed25519, SubjectPublicKeyInfo PEM
     */
    publicKey: string;
    state: 'announced' | 'active' | 'retiring' | 'retired';
    /**
     * RFC 3339, UTC
     */
    since: string;
    /**
     * Regions that have said so
     */
    trustedBy: Array<string>;
};

/**
 * System
 */
export type System = {
    name: string;
    kind: string;
    externalId: string;
    service: string | null;
    keyConfiguration: string | null;
    key: string | null;
    state: 'unlinked' | 'pending' | 'linked';
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
};

/**
 * Tenant
 */
export type Tenant = {
    id: string;
    displayName: string;
    policy: string;
    quorum: number;
    rotateLinkAfterSeconds: number | null;
    state: 'requested' | 'provisioning' | 'active' | 'blocking' | 'blocked' | 'terminating' | 'terminated';
    /**
     * RFC 3339, UTC
     */
    stateSince: string;
    reason: string | null;
    change: {
        to: 'requested' | 'provisioning' | 'active' | 'blocking' | 'blocked' | 'terminating' | 'terminated';
        /**
         * A region has refused its part: POST …/retry asks it once more
         */
        failed: boolean;
        regions: Array<{
            region: string;
            state: 'pending' | 'done' | 'failed';
            error: string | null;
            job: string | null;
        }>;
    } | null;
    /**
     * RFC 3339, UTC
     */
    createdAt: string;
    regions: Array<{
        region: string;
        state: string;
        l2Version: number | null;
        error: string | null;
    }>;
};

export type GetStatusData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/v1/status';
};

export type GetStatusErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetStatusError = GetStatusErrors[keyof GetStatusErrors];

export type GetStatusResponses = {
    /**
     * Default Response
     */
    200: {
        cluster: string;
        at: string;
        cmk: {
            startedAt: string;
        };
        broker: {
            healthy: boolean;
        };
        regions: Array<{
            name: string;
            seal: string;
            stale: boolean;
            reportedAt: string | null;
            endpoints: {
                [key: string]: string;
            };
            gateways: Array<{
                name: string;
                connected: boolean;
                appliedHead: number;
                head: number;
                leases: number;
                backlog: number;
                lastSeenAt: string;
            }>;
            pendingTasks: number;
            lagMs: number;
        }>;
        tenants: number;
        links: {
            counts: {
                [key: string]: number;
            };
            tenants: Array<{
                tenant: string;
                state: 'none' | 'pending' | 'rotating' | 'active' | 'expired' | 'failed' | 'closing' | 'closed';
                regions: Array<{
                    region: string;
                    /**
                     * 0: never linked
                     */
                    epoch: number;
                    state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                    openedBy: 'link' | 'rotate' | null;
                    key: string | null;
                    waitsFor: string | null;
                    provedAt: string | null;
                    expiresAt: string | null;
                    activatedAt: string | null;
                    closedAt: string | null;
                    gatewaysTold: number | null;
                    reason: string | null;
                    error: string | null;
                    job: string | null;
                    correlationId: string | null;
                    reported: {
                        epoch: number;
                        state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                        expiresAt: string | null;
                    } | null;
                    rotateAt: string | null;
                    rotation: {
                        epoch: number;
                        state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed';
                        key: string;
                        waitsFor: string | null;
                        error: string | null;
                        job: string | null;
                        correlationId: string;
                    } | null;
                }>;
            }>;
        };
        jobs: {
            pending: number;
            failed: number;
            oldestPendingMs: number;
        };
        keys: Array<{
            tenant: string;
            alias: string;
            keystore: string;
            kind: string;
            state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
            /**
             * The state in words
             */
            means: string;
            /**
             * RFC 3339, UTC
             */
            stateSince: string;
            /**
             * When the provider last gave a clear answer
             */
            checkedAt: string;
            lastEnabledAt: string | null;
            warning: {
                state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
                means: string;
                /**
                 * RFC 3339, UTC
                 */
                since: string;
            } | null;
            mend: {
                by: 'customer' | 'operator' | 'time';
                how: string;
            } | null;
        }>;
    };
};

export type GetStatusResponse = GetStatusResponses[keyof GetStatusResponses];

export type ListRegionsData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        stale?: boolean;
    };
    url: '/v1/regions';
};

export type ListRegionsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListRegionsError = ListRegionsErrors[keyof ListRegionsErrors];

export type ListRegionsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<Region>;
        next?: string;
    };
};

export type ListRegionsResponse = ListRegionsResponses[keyof ListRegionsResponses];

export type CreateRegionData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        keyId: string;
        /**
         * Ed25519, SubjectPublicKeyInfo PEM
         */
        publicKey: string;
        /**
         * Where the region can be reached, for people; CMK never connects to it
         */
        endpoints?: {
            [key: string]: string;
        };
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path?: never;
    query?: never;
    url: '/v1/regions';
};

export type CreateRegionErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateRegionError = CreateRegionErrors[keyof CreateRegionErrors];

export type CreateRegionResponses = {
    /**
     * Default Response
     */
    200: {
        created: boolean;
    };
    /**
     * Default Response
     */
    201: {
        created: boolean;
    };
};

export type CreateRegionResponse = CreateRegionResponses[keyof CreateRegionResponses];

export type GetRegionData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region: string;
    };
    query?: never;
    url: '/v1/regions/{region}';
};

export type GetRegionErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetRegionError = GetRegionErrors[keyof GetRegionErrors];

export type GetRegionResponses = {
    /**
     * Default Response
     */
    200: Region;
};

export type GetRegionResponse = GetRegionResponses[keyof GetRegionResponses];

export type CreateRegionGatewayData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        /**
         * One X.509 certificate in PEM
         */
        certificate: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region: string;
    };
    query?: never;
    url: '/v1/regions/{region}/gateways';
};

export type CreateRegionGatewayErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateRegionGatewayError = CreateRegionGatewayErrors[keyof CreateRegionGatewayErrors];

export type CreateRegionGatewayResponses = {
    /**
     * Default Response
     */
    200: {
        created: boolean;
        /**
         * Hex SHA-256 of the SubjectPublicKeyInfo
         */
        fingerprint: string;
        job: string | null;
    };
    /**
     * Default Response
     */
    202: {
        created: boolean;
        /**
         * Hex SHA-256 of the SubjectPublicKeyInfo
         */
        fingerprint: string;
        job: string | null;
    };
};

export type CreateRegionGatewayResponse = CreateRegionGatewayResponses[keyof CreateRegionGatewayResponses];

export type RemoveRegionGatewayData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/regions/{region}/gateways/{name}';
};

export type RemoveRegionGatewayErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveRegionGatewayError = RemoveRegionGatewayErrors[keyof RemoveRegionGatewayErrors];

export type RemoveRegionGatewayResponses = {
    /**
     * Default Response
     */
    202: {
        /**
         * See GET /v1/jobs/{id}
         */
        job: string;
    };
};

export type RemoveRegionGatewayResponse = RemoveRegionGatewayResponses[keyof RemoveRegionGatewayResponses];

export type ListIssuersData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/issuers';
};

export type ListIssuersErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListIssuersError = ListIssuersErrors[keyof ListIssuersErrors];

export type ListIssuersResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<Issuer>;
        next?: string;
    };
};

export type ListIssuersResponse = ListIssuersResponses[keyof ListIssuersResponses];

export type CreateIssuerData = {
    body: {
        /**
         * One X.509 certificate in PEM
         */
        certificate: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path?: never;
    query?: never;
    url: '/v1/issuers';
};

export type CreateIssuerErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateIssuerError = CreateIssuerErrors[keyof CreateIssuerErrors];

export type CreateIssuerResponses = {
    /**
     * Default Response
     */
    200: {
        created: boolean;
        /**
         * Hex SHA-256 of the SubjectPublicKeyInfo
         */
        fingerprint: string;
        job: string | null;
    };
    /**
     * Default Response
     */
    202: {
        created: boolean;
        /**
         * Hex SHA-256 of the SubjectPublicKeyInfo
         */
        fingerprint: string;
        job: string | null;
    };
};

export type CreateIssuerResponse = CreateIssuerResponses[keyof CreateIssuerResponses];

export type ListTenantsData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        state?: 'requested' | 'provisioning' | 'active' | 'blocking' | 'blocked' | 'terminating' | 'terminated';
        /**
         * Only those of whose change a region has refused its part, or only others
         */
        failed?: boolean;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region?: string;
        policy?: string;
        /**
         * With which the name begins, in any case
         */
        search?: string;
    };
    url: '/v1/tenants';
};

export type ListTenantsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantsError = ListTenantsErrors[keyof ListTenantsErrors];

export type ListTenantsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<Tenant>;
        next?: string;
    };
};

export type ListTenantsResponse = ListTenantsResponses[keyof ListTenantsResponses];

export type CreateTenantData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        id: string;
        displayName?: string;
        regions?: Array<string>;
        policy?: 'development-quorum-one' | 'four-eyes';
        rotateLinkAfterSeconds?: number;
        /**
         * false: no region hears of the tenant before it is provisioned
         */
        provision?: boolean;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path?: never;
    query?: never;
    url: '/v1/tenants';
};

export type CreateTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantError = CreateTenantErrors[keyof CreateTenantErrors];

export type CreateTenantResponses = {
    /**
     * Default Response
     */
    202: {
        tenant: Tenant;
        job: string | null;
    };
};

export type CreateTenantResponse = CreateTenantResponses[keyof CreateTenantResponses];

export type GetTenantData = {
    body?: never;
    headers?: {
        /**
         * An ETag: 304 without a body when nothing has changed since
         */
        'if-none-match'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}';
};

export type GetTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantError = GetTenantErrors[keyof GetTenantErrors];

export type GetTenantResponses = {
    /**
     * Default Response
     */
    200: Tenant;
};

export type GetTenantResponse = GetTenantResponses[keyof GetTenantResponses];

export type UpdateTenantData = {
    body: {
        displayName: string;
    };
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}';
};

export type UpdateTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type UpdateTenantError = UpdateTenantErrors[keyof UpdateTenantErrors];

export type UpdateTenantResponses = {
    /**
     * Default Response
     */
    200: Tenant;
};

export type UpdateTenantResponse = UpdateTenantResponses[keyof UpdateTenantResponses];

export type ProvisionTenantData = {
    body?: never;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/provision';
};

export type ProvisionTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ProvisionTenantError = ProvisionTenantErrors[keyof ProvisionTenantErrors];

export type ProvisionTenantResponses = {
    /**
     * Default Response
     */
    202: Tenant;
};

export type ProvisionTenantResponse = ProvisionTenantResponses[keyof ProvisionTenantResponses];

export type RetryTenantData = {
    body?: never;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/retry';
};

export type RetryTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RetryTenantError = RetryTenantErrors[keyof RetryTenantErrors];

export type RetryTenantResponses = {
    /**
     * Default Response
     */
    202: Tenant;
};

export type RetryTenantResponse = RetryTenantResponses[keyof RetryTenantResponses];

export type ListTenantServicesData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        state?: 'provisioning' | 'active' | 'failed';
        /**
         * With which the name begins, in any case
         */
        search?: string;
    };
    url: '/v1/tenants/{tenant}/services';
};

export type ListTenantServicesErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantServicesError = ListTenantServicesErrors[keyof ListTenantServicesErrors];

export type ListTenantServicesResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<Service>;
        next?: string;
    };
};

export type ListTenantServicesResponse = ListTenantServicesResponses[keyof ListTenantServicesResponses];

export type CreateTenantServiceData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/services';
};

export type CreateTenantServiceErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantServiceError = CreateTenantServiceErrors[keyof CreateTenantServiceErrors];

export type CreateTenantServiceResponses = {
    /**
     * Default Response
     */
    202: {
        service: Service;
        /**
         * See GET /v1/jobs/{id}
         */
        job: string;
    };
};

export type CreateTenantServiceResponse = CreateTenantServiceResponses[keyof CreateTenantServiceResponses];

export type GetTenantServiceData = {
    body?: never;
    headers?: {
        /**
         * An ETag: 304 without a body when nothing has changed since
         */
        'if-none-match'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/services/{name}';
};

export type GetTenantServiceErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantServiceError = GetTenantServiceErrors[keyof GetTenantServiceErrors];

export type GetTenantServiceResponses = {
    /**
     * Default Response
     */
    200: Service;
};

export type GetTenantServiceResponse = GetTenantServiceResponses[keyof GetTenantServiceResponses];

export type ListKeystoresData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/keystores';
};

export type ListKeystoresErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListKeystoresError = ListKeystoresErrors[keyof ListKeystoresErrors];

export type ListKeystoresResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            name: string;
            kind: string;
            config: {
                [key: string]: unknown;
            };
            tenant: string | null;
            /**
             * RFC 3339, UTC
             */
            createdAt: string;
        }>;
        next?: string;
    };
};

export type ListKeystoresResponse = ListKeystoresResponses[keyof ListKeystoresResponses];

export type CreateKeystoreData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'software';
        config: {
            /**
             * The JSON file with the keys: for development; absolute, below the keystore directory of the configuration
             */
            path: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'aws-kms';
        config: {
            region: string;
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            endpoint?: string;
            /**
             * JSON, mode 0600: accessKeyId, secretAccessKey, sessionToken if any. Left out: as the AWS SDK finds them; absolute, below the keystore directory of the configuration
             */
            credentialsFile?: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'azure-key-vault';
        config: {
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            vaultUrl: string;
            service: 'vault' | 'managed-hsm';
            tenantId?: string;
            clientId?: string;
            /**
             * Mode 0600. Left out, with tenantId and clientId: as the Azure SDK finds an identity; absolute, below the keystore directory of the configuration
             */
            clientSecretFile?: string;
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            authorityHost?: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'google-kms';
        config: {
            /**
             * Where keys are made and imported, and by which CMK tells whether its own credential is good
             */
            keyRing: string;
            protection?: 'SOFTWARE' | 'HSM';
            endpoint?: string;
            /**
             * Mode 0600, the JSON key of a service account. Left out: as the Google SDK finds credentials; absolute, below the keystore directory of the configuration
             */
            credentialsFile?: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'openbao';
        config: {
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            address: string;
            mount?: string;
            namespace?: string;
            /**
             * Mode 0600, the token; absolute, below the keystore directory of the configuration
             */
            tokenFile: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'pkcs11';
        config: {
            /**
             * The vendor's PKCS#11 library; absolute. Its directory is allowed by the configuration of CMK
             */
            module: string;
            /**
             * Which token
             */
            tokenLabel: string;
            /**
             * Mode 0600, the PIN; absolute, below the keystore directory of the configuration
             */
            pinFile: string;
        };
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path?: never;
    query?: never;
    url: '/v1/keystores';
};

export type CreateKeystoreErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateKeystoreError = CreateKeystoreErrors[keyof CreateKeystoreErrors];

export type CreateKeystoreResponses = {
    /**
     * Default Response
     */
    200: {
        created: boolean;
    };
    /**
     * Default Response
     */
    201: {
        created: boolean;
    };
};

export type CreateKeystoreResponse = CreateKeystoreResponses[keyof CreateKeystoreResponses];

export type ListTenantKeystoresData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/keystores';
};

export type ListTenantKeystoresErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantKeystoresError = ListTenantKeystoresErrors[keyof ListTenantKeystoresErrors];

export type ListTenantKeystoresResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            name: string;
            kind: string;
            config: {
                [key: string]: unknown;
            };
            tenant: string | null;
            /**
             * RFC 3339, UTC
             */
            createdAt: string;
        }>;
        next?: string;
    };
};

export type ListTenantKeystoresResponse = ListTenantKeystoresResponses[keyof ListTenantKeystoresResponses];

export type CreateTenantKeystoreData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'software';
        config: {
            /**
             * The JSON file with the keys: for development; absolute, below the keystore directory of the configuration
             */
            path: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'aws-kms';
        config: {
            region: string;
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            endpoint?: string;
            /**
             * JSON, mode 0600: accessKeyId, secretAccessKey, sessionToken if any. Left out: as the AWS SDK finds them; absolute, below the keystore directory of the configuration
             */
            credentialsFile?: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'azure-key-vault';
        config: {
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            vaultUrl: string;
            service: 'vault' | 'managed-hsm';
            tenantId?: string;
            clientId?: string;
            /**
             * Mode 0600. Left out, with tenantId and clientId: as the Azure SDK finds an identity; absolute, below the keystore directory of the configuration
             */
            clientSecretFile?: string;
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            authorityHost?: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'google-kms';
        config: {
            /**
             * Where keys are made and imported, and by which CMK tells whether its own credential is good
             */
            keyRing: string;
            protection?: 'SOFTWARE' | 'HSM';
            endpoint?: string;
            /**
             * Mode 0600, the JSON key of a service account. Left out: as the Google SDK finds credentials; absolute, below the keystore directory of the configuration
             */
            credentialsFile?: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'openbao';
        config: {
            /**
             * https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider
             */
            address: string;
            mount?: string;
            namespace?: string;
            /**
             * Mode 0600, the token; absolute, below the keystore directory of the configuration
             */
            tokenFile: string;
            /**
             * PEM of the authorities that are trusted instead of the usual ones; absolute, below the keystore directory of the configuration
             */
            caFile?: string;
        };
    } | {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        kind: 'pkcs11';
        config: {
            /**
             * The vendor's PKCS#11 library; absolute. Its directory is allowed by the configuration of CMK
             */
            module: string;
            /**
             * Which token
             */
            tokenLabel: string;
            /**
             * Mode 0600, the PIN; absolute, below the keystore directory of the configuration
             */
            pinFile: string;
        };
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/keystores';
};

export type CreateTenantKeystoreErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantKeystoreError = CreateTenantKeystoreErrors[keyof CreateTenantKeystoreErrors];

export type CreateTenantKeystoreResponses = {
    /**
     * Default Response
     */
    200: {
        created: boolean;
    };
    /**
     * Default Response
     */
    201: {
        created: boolean;
    };
};

export type CreateTenantKeystoreResponse = CreateTenantKeystoreResponses[keyof CreateTenantKeystoreResponses];

export type ListTenantKeysData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/keys';
};

export type ListTenantKeysErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantKeysError = ListTenantKeysErrors[keyof ListTenantKeysErrors];

export type ListTenantKeysResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            alias: string;
            keystore: string;
            /**
             * The provider's own name of the key
             */
            reference: string;
            named: string | null;
            origin: 'reference' | 'created' | 'imported';
            version: string | null;
            keyConfiguration: string | null;
            /**
             * It is the primary key of its key configuration
             */
            primary: boolean;
            state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
            /**
             * The state in words
             */
            means: string;
            /**
             * RFC 3339, UTC
             */
            stateSince: string;
            /**
             * When the provider last gave a clear answer
             */
            checkedAt: string;
            lastEnabledAt: string | null;
            warning: {
                state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
                means: string;
                /**
                 * RFC 3339, UTC
                 */
                since: string;
            } | null;
            mend: {
                by: 'customer' | 'operator' | 'time';
                how: string;
            } | null;
            provedAt: string | null;
            /**
             * RFC 3339, UTC
             */
            createdAt: string;
        }>;
        next?: string;
    };
};

export type ListTenantKeysResponse = ListTenantKeysResponses[keyof ListTenantKeysResponses];

export type CreateTenantKeyData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        alias: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        keystore: string;
        /**
         * An ARN or alias, a key identifier, a resource name, a PKCS#11 URI: as the keystore calls it
         */
        reference?: string;
        /**
         * Have the keystore make the key
         */
        create?: true;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        keyConfiguration?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/keys';
};

export type CreateTenantKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantKeyError = CreateTenantKeyErrors[keyof CreateTenantKeyErrors];

export type CreateTenantKeyResponses = {
    /**
     * Default Response
     */
    201: {
        alias: string;
        keystore: string;
        /**
         * The provider's own name of the key
         */
        reference: string;
        named: string | null;
        origin: 'reference' | 'created' | 'imported';
        version: string | null;
        keyConfiguration: string | null;
        /**
         * It is the primary key of its key configuration
         */
        primary: boolean;
        state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
        /**
         * The state in words
         */
        means: string;
        /**
         * RFC 3339, UTC
         */
        stateSince: string;
        /**
         * When the provider last gave a clear answer
         */
        checkedAt: string;
        lastEnabledAt: string | null;
        warning: {
            state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
            means: string;
            /**
             * RFC 3339, UTC
             */
            since: string;
        } | null;
        mend: {
            by: 'customer' | 'operator' | 'time';
            how: string;
        } | null;
        provedAt: string | null;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type CreateTenantKeyResponse = CreateTenantKeyResponses[keyof CreateTenantKeyResponses];

export type GetTenantKeyData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        alias: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/keys/{alias}';
};

export type GetTenantKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantKeyError = GetTenantKeyErrors[keyof GetTenantKeyErrors];

export type GetTenantKeyResponses = {
    /**
     * Default Response
     */
    200: {
        alias: string;
        keystore: string;
        /**
         * The provider's own name of the key
         */
        reference: string;
        named: string | null;
        origin: 'reference' | 'created' | 'imported';
        version: string | null;
        keyConfiguration: string | null;
        /**
         * It is the primary key of its key configuration
         */
        primary: boolean;
        state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
        /**
         * The state in words
         */
        means: string;
        /**
         * RFC 3339, UTC
         */
        stateSince: string;
        /**
         * When the provider last gave a clear answer
         */
        checkedAt: string;
        lastEnabledAt: string | null;
        warning: {
            state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
            means: string;
            /**
             * RFC 3339, UTC
             */
            since: string;
        } | null;
        mend: {
            by: 'customer' | 'operator' | 'time';
            how: string;
        } | null;
        provedAt: string | null;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type GetTenantKeyResponse = GetTenantKeyResponses[keyof GetTenantKeyResponses];

export type ProofTenantKeyData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        alias: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/keys/{alias}/proof';
};

export type ProofTenantKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ProofTenantKeyError = ProofTenantKeyErrors[keyof ProofTenantKeyErrors];

export type ProofTenantKeyResponses = {
    /**
     * Default Response
     */
    200: {
        alias: string;
        keystore: string;
        /**
         * The provider's own name of the key
         */
        reference: string;
        named: string | null;
        origin: 'reference' | 'created' | 'imported';
        version: string | null;
        keyConfiguration: string | null;
        /**
         * It is the primary key of its key configuration
         */
        primary: boolean;
        state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
        /**
         * The state in words
         */
        means: string;
        /**
         * RFC 3339, UTC
         */
        stateSince: string;
        /**
         * When the provider last gave a clear answer
         */
        checkedAt: string;
        lastEnabledAt: string | null;
        warning: {
            state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
            means: string;
            /**
             * RFC 3339, UTC
             */
            since: string;
        } | null;
        mend: {
            by: 'customer' | 'operator' | 'time';
            how: string;
        } | null;
        provedAt: string | null;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type ProofTenantKeyResponse = ProofTenantKeyResponses[keyof ProofTenantKeyResponses];

export type GetTenantKeyImportData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        alias: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/keys/{alias}/import';
};

export type GetTenantKeyImportErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantKeyImportError = GetTenantKeyImportErrors[keyof GetTenantKeyImportErrors];

export type GetTenantKeyImportResponses = {
    /**
     * Default Response
     */
    200: {
        alias: string;
        keystore: string;
        reference: string;
        /**
         * RSA_AES_KEY_WRAP_…: a fresh AES-256 key by RSA-OAEP, then the material by it (RFC 5649)
         */
        algorithm: 'RSA_AES_KEY_WRAP_SHA_256' | 'RSA_AES_KEY_WRAP_SHA_1' | 'RSAES_OAEP_SHA_256';
        /**
         * 32 bytes, or an RSA private key in DER
         */
        material: 'AES_256' | 'RSA_PKCS8';
        /**
         * RSA, SubjectPublicKeyInfo PEM
         */
        publicKey: string;
        /**
         * RFC 3339, UTC
         */
        expiresAt: string;
    };
};

export type GetTenantKeyImportResponse = GetTenantKeyImportResponses[keyof GetTenantKeyImportResponses];

export type ImportTenantKeyData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        keystore: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        alias: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/keys/{alias}/import';
};

export type ImportTenantKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ImportTenantKeyError = ImportTenantKeyErrors[keyof ImportTenantKeyErrors];

export type ImportTenantKeyResponses = {
    /**
     * Default Response
     */
    201: {
        alias: string;
        keystore: string;
        reference: string;
        /**
         * RSA_AES_KEY_WRAP_…: a fresh AES-256 key by RSA-OAEP, then the material by it (RFC 5649)
         */
        algorithm: 'RSA_AES_KEY_WRAP_SHA_256' | 'RSA_AES_KEY_WRAP_SHA_1' | 'RSAES_OAEP_SHA_256';
        /**
         * 32 bytes, or an RSA private key in DER
         */
        material: 'AES_256' | 'RSA_PKCS8';
        /**
         * RSA, SubjectPublicKeyInfo PEM
         */
        publicKey: string;
        /**
         * RFC 3339, UTC
         */
        expiresAt: string;
    };
};

export type ImportTenantKeyResponse = ImportTenantKeyResponses[keyof ImportTenantKeyResponses];

export type SetTenantKeyImportData = {
    body: {
        /**
         * The wrapped material, base64
         */
        wrapped: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        alias: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/keys/{alias}/import';
};

export type SetTenantKeyImportErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SetTenantKeyImportError = SetTenantKeyImportErrors[keyof SetTenantKeyImportErrors];

export type SetTenantKeyImportResponses = {
    /**
     * Default Response
     */
    200: {
        alias: string;
        keystore: string;
        /**
         * The provider's own name of the key
         */
        reference: string;
        named: string | null;
        origin: 'reference' | 'created' | 'imported';
        version: string | null;
        keyConfiguration: string | null;
        /**
         * It is the primary key of its key configuration
         */
        primary: boolean;
        state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
        /**
         * The state in words
         */
        means: string;
        /**
         * RFC 3339, UTC
         */
        stateSince: string;
        /**
         * When the provider last gave a clear answer
         */
        checkedAt: string;
        lastEnabledAt: string | null;
        warning: {
            state: 'ENABLED' | 'DISABLED' | 'PENDING_IMPORT' | 'PENDING_DELETION' | 'NOT_FOUND' | 'FORBIDDEN' | 'THROTTLED' | 'UNREACHABLE' | 'UNKNOWN';
            means: string;
            /**
             * RFC 3339, UTC
             */
            since: string;
        } | null;
        mend: {
            by: 'customer' | 'operator' | 'time';
            how: string;
        } | null;
        provedAt: string | null;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type SetTenantKeyImportResponse = SetTenantKeyImportResponses[keyof SetTenantKeyImportResponses];

export type LinkTenantData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        key: string;
        /**
         * That it is for tests: needed where it would stand on what drills may cut off
         */
        drillTarget?: boolean;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/link';
};

export type LinkTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type LinkTenantError = LinkTenantErrors[keyof LinkTenantErrors];

export type LinkTenantResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
        links: {
            tenant: string;
            state: 'none' | 'pending' | 'rotating' | 'active' | 'expired' | 'failed' | 'closing' | 'closed';
            regions: Array<{
                region: string;
                /**
                 * 0: never linked
                 */
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                openedBy: 'link' | 'rotate' | null;
                key: string | null;
                waitsFor: string | null;
                provedAt: string | null;
                expiresAt: string | null;
                activatedAt: string | null;
                closedAt: string | null;
                gatewaysTold: number | null;
                reason: string | null;
                error: string | null;
                job: string | null;
                correlationId: string | null;
                reported: {
                    epoch: number;
                    state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                    expiresAt: string | null;
                } | null;
                rotateAt: string | null;
                rotation: {
                    epoch: number;
                    state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed';
                    key: string;
                    waitsFor: string | null;
                    error: string | null;
                    job: string | null;
                    correlationId: string;
                } | null;
            }>;
        };
    };
};

export type LinkTenantResponse = LinkTenantResponses[keyof LinkTenantResponses];

export type UnlinkTenantData = {
    body: {
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/unlink';
};

export type UnlinkTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type UnlinkTenantError = UnlinkTenantErrors[keyof UnlinkTenantErrors];

export type UnlinkTenantResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
        links: {
            tenant: string;
            state: 'none' | 'pending' | 'rotating' | 'active' | 'expired' | 'failed' | 'closing' | 'closed';
            regions: Array<{
                region: string;
                /**
                 * 0: never linked
                 */
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                openedBy: 'link' | 'rotate' | null;
                key: string | null;
                waitsFor: string | null;
                provedAt: string | null;
                expiresAt: string | null;
                activatedAt: string | null;
                closedAt: string | null;
                gatewaysTold: number | null;
                reason: string | null;
                error: string | null;
                job: string | null;
                correlationId: string | null;
                reported: {
                    epoch: number;
                    state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                    expiresAt: string | null;
                } | null;
                rotateAt: string | null;
                rotation: {
                    epoch: number;
                    state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed';
                    key: string;
                    waitsFor: string | null;
                    error: string | null;
                    job: string | null;
                    correlationId: string;
                } | null;
            }>;
        };
    };
};

export type UnlinkTenantResponse = UnlinkTenantResponses[keyof UnlinkTenantResponses];

export type RotateTenantLinkData = {
    body: {
        reason?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/link/rotate';
};

export type RotateTenantLinkErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RotateTenantLinkError = RotateTenantLinkErrors[keyof RotateTenantLinkErrors];

export type RotateTenantLinkResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
        links: {
            tenant: string;
            state: 'none' | 'pending' | 'rotating' | 'active' | 'expired' | 'failed' | 'closing' | 'closed';
            regions: Array<{
                region: string;
                /**
                 * 0: never linked
                 */
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                openedBy: 'link' | 'rotate' | null;
                key: string | null;
                waitsFor: string | null;
                provedAt: string | null;
                expiresAt: string | null;
                activatedAt: string | null;
                closedAt: string | null;
                gatewaysTold: number | null;
                reason: string | null;
                error: string | null;
                job: string | null;
                correlationId: string | null;
                reported: {
                    epoch: number;
                    state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                    expiresAt: string | null;
                } | null;
                rotateAt: string | null;
                rotation: {
                    epoch: number;
                    state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed';
                    key: string;
                    waitsFor: string | null;
                    error: string | null;
                    job: string | null;
                    correlationId: string;
                } | null;
            }>;
        };
    };
};

export type RotateTenantLinkResponse = RotateTenantLinkResponses[keyof RotateTenantLinkResponses];

export type GetTenantLinksData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/links';
};

export type GetTenantLinksErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantLinksError = GetTenantLinksErrors[keyof GetTenantLinksErrors];

export type GetTenantLinksResponses = {
    /**
     * Default Response
     */
    200: {
        tenant: string;
        state: 'none' | 'pending' | 'rotating' | 'active' | 'expired' | 'failed' | 'closing' | 'closed';
        regions: Array<{
            region: string;
            /**
             * 0: never linked
             */
            epoch: number;
            state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
            openedBy: 'link' | 'rotate' | null;
            key: string | null;
            waitsFor: string | null;
            provedAt: string | null;
            expiresAt: string | null;
            activatedAt: string | null;
            closedAt: string | null;
            gatewaysTold: number | null;
            reason: string | null;
            error: string | null;
            job: string | null;
            correlationId: string | null;
            reported: {
                epoch: number;
                state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                expiresAt: string | null;
            } | null;
            rotateAt: string | null;
            rotation: {
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed';
                key: string;
                waitsFor: string | null;
                error: string | null;
                job: string | null;
                correlationId: string;
            } | null;
        }>;
    };
};

export type GetTenantLinksResponse = GetTenantLinksResponses[keyof GetTenantLinksResponses];

export type CreateTenantRotationData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        /**
         * All of the tenant’s when left out
         */
        regions?: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/rotations';
};

export type CreateTenantRotationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantRotationError = CreateTenantRotationErrors[keyof CreateTenantRotationErrors];

export type CreateTenantRotationResponses = {
    /**
     * Default Response
     */
    202: {
        jobs: Array<{
            region: string;
            /**
             * See GET /v1/jobs/{id}
             */
            job: string;
            /**
             * The same was asked before, and the region has not done it yet
             */
            joined: boolean;
        }>;
    };
};

export type CreateTenantRotationResponse = CreateTenantRotationResponses[keyof CreateTenantRotationResponses];

export type CreateTenantCompromiseData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        /**
         * All of the tenant’s when left out
         */
        regions?: Array<string>;
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/compromises';
};

export type CreateTenantCompromiseErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantCompromiseError = CreateTenantCompromiseErrors[keyof CreateTenantCompromiseErrors];

export type CreateTenantCompromiseResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type CreateTenantCompromiseResponse = CreateTenantCompromiseResponses[keyof CreateTenantCompromiseResponses];

export type ListTenantRotationPolicyData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/rotation-policy';
};

export type ListTenantRotationPolicyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantRotationPolicyError = ListTenantRotationPolicyErrors[keyof ListTenantRotationPolicyErrors];

export type ListTenantRotationPolicyResponses = {
    /**
     * Default Response
     */
    200: {
        tenant: string;
        link: {
            rotateAfterSeconds: number | null;
        };
        items: Array<{
            /**
             * null: the tenant’s own key
             */
            service: string | null;
            rotateAfterSeconds: number | null;
            setBy: string;
            /**
             * RFC 3339, UTC
             */
            setAt: string;
            regions: Array<{
                region: string;
                state: string;
                error: string | null;
                nextRotationAt: string | null;
            }>;
        }>;
        next?: string;
    };
};

export type ListTenantRotationPolicyResponse = ListTenantRotationPolicyResponses[keyof ListTenantRotationPolicyResponses];

export type SetTenantRotationPolicyData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        /**
         * 0: never; null: as often as each region does by default
         */
        rotateAfterSeconds: number | 0 | null;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/rotation-policy';
};

export type SetTenantRotationPolicyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SetTenantRotationPolicyError = SetTenantRotationPolicyErrors[keyof SetTenantRotationPolicyErrors];

export type SetTenantRotationPolicyResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type SetTenantRotationPolicyResponse = SetTenantRotationPolicyResponses[keyof SetTenantRotationPolicyResponses];

export type SetTenantLinkRotationPolicyData = {
    body: {
        /**
         * null: never
         */
        rotateAfterSeconds: number | null;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/link/rotation-policy';
};

export type SetTenantLinkRotationPolicyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SetTenantLinkRotationPolicyError = SetTenantLinkRotationPolicyErrors[keyof SetTenantLinkRotationPolicyErrors];

export type SetTenantLinkRotationPolicyResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type SetTenantLinkRotationPolicyResponse = SetTenantLinkRotationPolicyResponses[keyof SetTenantLinkRotationPolicyResponses];

export type CreateTenantInventoryData = {
    body: {
        /**
         * All of the tenant’s when left out
         */
        regions?: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/inventories';
};

export type CreateTenantInventoryErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantInventoryError = CreateTenantInventoryErrors[keyof CreateTenantInventoryErrors];

export type CreateTenantInventoryResponses = {
    /**
     * Default Response
     */
    202: {
        jobs: Array<{
            region: string;
            /**
             * See GET /v1/jobs/{id}
             */
            job: string;
            /**
             * The same was asked before, and the region has not done it yet
             */
            joined: boolean;
        }>;
    };
};

export type CreateTenantInventoryResponse = CreateTenantInventoryResponses[keyof CreateTenantInventoryResponses];

export type ListTenantInventoryData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/inventory';
};

export type ListTenantInventoryErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantInventoryError = ListTenantInventoryErrors[keyof ListTenantInventoryErrors];

export type ListTenantInventoryResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            region: string;
            /**
             * When the region answered last
             */
            at: string | null;
            askedAt: string | null;
            pending: boolean;
            error: string | null;
            job: string | null;
            inventory: {
                l2: {
                    living: number;
                    versions: Array<{
                        version: number;
                        state: 'pre-active' | 'active' | 'deactivated' | 'compromised' | 'destroyed' | 'destroyed-compromised';
                        createdAt: string;
                        dependents: number;
                    }>;
                    rotateAfterSeconds: number;
                    nextRotationAt?: string;
                };
                services: Array<{
                    service: string;
                    l3: {
                        living: number;
                        versions: Array<{
                            version: number;
                            state: 'pre-active' | 'active' | 'deactivated' | 'compromised' | 'destroyed' | 'destroyed-compromised';
                            createdAt: string;
                            dependents: number;
                        }>;
                        rotateAfterSeconds: number;
                        nextRotationAt?: string;
                    };
                }>;
            } | null;
        }>;
        next?: string;
    };
};

export type ListTenantInventoryResponse = ListTenantInventoryResponses[keyof ListTenantInventoryResponses];

export type CreateTenantDestructionData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        version: number;
        /**
         * How many objects the last inventory says depend on the version
         */
        dependents: number;
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/destructions';
};

export type CreateTenantDestructionErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantDestructionError = CreateTenantDestructionErrors[keyof CreateTenantDestructionErrors];

export type CreateTenantDestructionResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type CreateTenantDestructionResponse = CreateTenantDestructionResponses[keyof CreateTenantDestructionResponses];

export type ListTenantApplicationsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        state?: 'provisioning' | 'active' | 'failed' | 'removing';
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        fingerprint?: string;
        /**
         * With which the name begins, in any case
         */
        search?: string;
    };
    url: '/v1/tenants/{tenant}/applications';
};

export type ListTenantApplicationsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantApplicationsError = ListTenantApplicationsErrors[keyof ListTenantApplicationsErrors];

export type ListTenantApplicationsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<Application>;
        next?: string;
    };
};

export type ListTenantApplicationsResponse = ListTenantApplicationsResponses[keyof ListTenantApplicationsResponses];

export type CreateTenantApplicationData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        services: Array<string>;
        /**
         * One X.509 certificate in PEM
         */
        certificate: string;
        /**
         * KMIP names
         */
        operations?: Array<string>;
        /**
         * That it is for tests: needed where it would stand on what drills may cut off
         */
        drillTarget?: boolean;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/applications';
};

export type CreateTenantApplicationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantApplicationError = CreateTenantApplicationErrors[keyof CreateTenantApplicationErrors];

export type CreateTenantApplicationResponses = {
    /**
     * Default Response
     */
    200: {
        application: Application;
        job: string | null;
        /**
         * Why regions may refuse the certificate all the same
         */
        warnings: Array<string>;
    };
    /**
     * Default Response
     */
    202: {
        application: Application;
        job: string | null;
        /**
         * Why regions may refuse the certificate all the same
         */
        warnings: Array<string>;
    };
};

export type CreateTenantApplicationResponse = CreateTenantApplicationResponses[keyof CreateTenantApplicationResponses];

export type RemoveTenantApplicationData = {
    body?: never;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: {
        reason?: string;
    };
    url: '/v1/tenants/{tenant}/applications/{name}';
};

export type RemoveTenantApplicationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantApplicationError = RemoveTenantApplicationErrors[keyof RemoveTenantApplicationErrors];

export type RemoveTenantApplicationResponses = {
    /**
     * Default Response
     */
    202: {
        application: Application;
        job: string | null;
    };
};

export type RemoveTenantApplicationResponse = RemoveTenantApplicationResponses[keyof RemoveTenantApplicationResponses];

export type GetTenantApplicationData = {
    body?: never;
    headers?: {
        /**
         * An ETag: 304 without a body when nothing has changed since
         */
        'if-none-match'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/applications/{name}';
};

export type GetTenantApplicationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantApplicationError = GetTenantApplicationErrors[keyof GetTenantApplicationErrors];

export type GetTenantApplicationResponses = {
    /**
     * Default Response
     */
    200: Application;
};

export type GetTenantApplicationResponse = GetTenantApplicationResponses[keyof GetTenantApplicationResponses];

export type ListJobsData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
        state?: 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';
        kind?: string;
        entity?: string;
        correlationId?: string;
    };
    url: '/v1/jobs';
};

export type ListJobsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListJobsError = ListJobsErrors[keyof ListJobsErrors];

export type ListJobsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<Job>;
        next?: string;
    };
};

export type ListJobsResponse = ListJobsResponses[keyof ListJobsResponses];

export type ListTasksData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
        state?: 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';
        kind?: string;
        entity?: string;
        correlationId?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region?: string;
        /**
         * Of the last failure, such as EPOCH_CLOSED or DEADLINE
         */
        errorCode?: string;
    };
    url: '/v1/tasks';
};

export type ListTasksErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTasksError = ListTasksErrors[keyof ListTasksErrors];

export type ListTasksResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<ListedTask>;
        next?: string;
    };
};

export type ListTasksResponse = ListTasksResponses[keyof ListTasksResponses];

export type GetJobData = {
    body?: never;
    headers?: {
        /**
         * An ETag: 304 without a body when nothing has changed since
         */
        'if-none-match'?: string;
    };
    path: {
        id: string;
    };
    query?: never;
    url: '/v1/jobs/{id}';
};

export type GetJobErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetJobError = GetJobErrors[keyof GetJobErrors];

export type GetJobResponses = {
    /**
     * Default Response
     */
    200: JobWithTasks;
};

export type GetJobResponse = GetJobResponses[keyof GetJobResponses];

export type RetryJobData = {
    body: {
        /**
         * Only what these were asked; left out: whatever has failed
         */
        regions?: Array<string>;
    } | null;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        id: string;
    };
    query?: never;
    url: '/v1/jobs/{id}/retry';
};

export type RetryJobErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RetryJobError = RetryJobErrors[keyof RetryJobErrors];

export type RetryJobResponses = {
    /**
     * Default Response
     */
    202: JobWithTasks;
};

export type RetryJobResponse = RetryJobResponses[keyof RetryJobResponses];

export type CreateJobRetryData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region?: string;
        kind?: string;
        /**
         * Of the last failure, such as EPOCH_CLOSED or DEADLINE
         */
        errorCode?: string;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path?: never;
    query?: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
    };
    url: '/v1/job-retries';
};

export type CreateJobRetryErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateJobRetryError = CreateJobRetryErrors[keyof CreateJobRetryErrors];

export type CreateJobRetryResponses = {
    /**
     * Default Response
     */
    202: JobRetries;
};

export type CreateJobRetryResponse = CreateJobRetryResponses[keyof CreateJobRetryResponses];

export type ListRefusedMessagesData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/v1/refused-messages';
};

export type ListRefusedMessagesErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListRefusedMessagesError = ListRefusedMessagesErrors[keyof ListRefusedMessagesErrors];

export type ListRefusedMessagesResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<RefusedMessage>;
    };
};

export type ListRefusedMessagesResponse = ListRefusedMessagesResponses[keyof ListRefusedMessagesResponses];

export type CancelJobData = {
    body?: never;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        id: string;
    };
    query?: never;
    url: '/v1/jobs/{id}/cancel';
};

export type CancelJobErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CancelJobError = CancelJobErrors[keyof CancelJobErrors];

export type CancelJobResponses = {
    /**
     * Default Response
     */
    202: JobWithTasks;
};

export type CancelJobResponse = CancelJobResponses[keyof CancelJobResponses];

export type ListAuditData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
        action?: string;
        actor?: string;
        subject?: string;
        outcome?: 'accepted' | 'refused' | 'succeeded' | 'failed';
        correlationId?: string;
        /**
         * RFC 3339, UTC
         */
        since?: string;
        /**
         * RFC 3339, UTC
         */
        until?: string;
    };
    url: '/v1/audit';
};

export type ListAuditErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListAuditError = ListAuditErrors[keyof ListAuditErrors];

export type ListAuditResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            sequence: number;
            /**
             * RFC 3339, UTC
             */
            at: string;
            actor: string;
            action: string;
            subject: string;
            outcome: string;
            origin: string | null;
            correlationId: string;
            detail: {
                [key: string]: unknown;
            } | string;
            previousHash: string;
            hash: string;
        }>;
        next?: string;
    };
};

export type ListAuditResponse = ListAuditResponses[keyof ListAuditResponses];

export type GetAuditVerifyData = {
    body?: never;
    path?: never;
    query?: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
        after?: number;
        hash?: string;
    };
    url: '/v1/audit/verify';
};

export type GetAuditVerifyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetAuditVerifyError = GetAuditVerifyErrors[keyof GetAuditVerifyErrors];

export type GetAuditVerifyResponses = {
    /**
     * Default Response
     */
    200: {
        ok: boolean;
        /**
         * False: go on with after = events and hash = head
         */
        complete: boolean;
        /**
         * The last event that was looked at
         */
        events: number;
        /**
         * Its hash
         */
        head: string;
        brokenAt?: number;
        faults: Array<{
            kind: 'CHANGED' | 'SWAPPED' | 'REMOVED' | 'REMOVED_AT_END' | 'NOT_FOLLOWING' | 'MISPLACED' | 'UNREADABLE' | 'HEAD_DIFFERS' | 'REWRITTEN' | 'CHECKPOINT_FORGED';
            sequence: number;
            /**
             * The last of a run of missing events
             */
            to?: number;
            /**
             * The other of two that were swapped
             */
            with?: number;
        }>;
        faultCount: number;
    };
};

export type GetAuditVerifyResponse = GetAuditVerifyResponses[keyof GetAuditVerifyResponses];

export type GetAuditExportData = {
    body?: never;
    path?: never;
    query: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
        format: 'jsonl' | 'csv' | 'ocsf' | 'cef';
        after?: number;
        limit?: number;
    };
    url: '/v1/audit/export';
};

export type GetAuditExportErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetAuditExportError = GetAuditExportErrors[keyof GetAuditExportErrors];

export type GetAuditExportResponses = {
    /**
     * Default Response
     */
    200: string;
};

export type GetAuditExportResponse = GetAuditExportResponses[keyof GetAuditExportResponses];

export type ListAuditCheckpointsData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
    };
    url: '/v1/audit/checkpoints';
};

export type ListAuditCheckpointsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListAuditCheckpointsError = ListAuditCheckpointsErrors[keyof ListAuditCheckpointsErrors];

export type ListAuditCheckpointsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            log: string;
            chain: string;
            sequence: number;
            hash: string;
            at: string;
            keyId: string;
            signature: string;
        }>;
        next?: string;
    };
};

export type ListAuditCheckpointsResponse = ListAuditCheckpointsResponses[keyof ListAuditCheckpointsResponses];

export type CreateAuditCheckpointData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path?: never;
    query?: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
    };
    url: '/v1/audit/checkpoints';
};

export type CreateAuditCheckpointErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateAuditCheckpointError = CreateAuditCheckpointErrors[keyof CreateAuditCheckpointErrors];

export type CreateAuditCheckpointResponses = {
    /**
     * Default Response
     */
    201: {
        log: string;
        chain: string;
        sequence: number;
        hash: string;
        at: string;
        keyId: string;
        signature: string;
    };
};

export type CreateAuditCheckpointResponse = CreateAuditCheckpointResponses[keyof CreateAuditCheckpointResponses];

export type ListAuditKeysData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/v1/audit/keys';
};

export type ListAuditKeysErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListAuditKeysError = ListAuditKeysErrors[keyof ListAuditKeysErrors];

export type ListAuditKeysResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            keyId: string;
            publicKey: string;
            /**
             * RFC 3339, UTC
             */
            since: string;
        }>;
    };
};

export type ListAuditKeysResponse = ListAuditKeysResponses[keyof ListAuditKeysResponses];

export type GetAuditRegionsData = {
    body?: never;
    path?: never;
    query?: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant?: string;
    };
    url: '/v1/audit/regions';
};

export type GetAuditRegionsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetAuditRegionsError = GetAuditRegionsErrors[keyof GetAuditRegionsErrors];

export type GetAuditRegionsResponses = {
    /**
     * Default Response
     */
    200: {
        regions: Array<{
            region: string;
            /**
             * The core that said so
             */
            instance: string;
            checkpoint: {
                log: string;
                chain: string;
                sequence: number;
                hash: string;
                at: string;
                keyId: string;
                signature: string;
            };
            fault: 'REWOUND' | 'REWRITTEN' | 'CHECKPOINT_FORGED' | null;
            faultAt: string | null;
        }>;
        counts: Array<{
            region: string;
            class: 'connection' | 'key' | 'lifecycle' | 'link' | 'operation' | 'registry' | 'seal' | 'use' | 'other';
            outcome: 'success' | 'refused' | 'failed';
            events: number;
            /**
             * RFC 3339, UTC
             */
            lastAt: string;
        }>;
    };
};

export type GetAuditRegionsResponse = GetAuditRegionsResponses[keyof GetAuditRegionsResponses];

export type GetMeData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/v1/me';
};

export type GetMeErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetMeError = GetMeErrors[keyof GetMeErrors];

export type GetMeResponses = {
    /**
     * Default Response
     */
    200: {
        principal: string;
        name: string;
        person: boolean;
        duty: 'operator' | 'development' | null;
        tenants: Array<{
            tenant: string;
            roles: Array<'administrator' | 'key-administrator' | 'auditor' | 'approver'>;
        }>;
    };
};

export type GetMeResponse = GetMeResponses[keyof GetMeResponses];

export type ListTenantRolesData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/roles';
};

export type ListTenantRolesErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantRolesError = ListTenantRolesErrors[keyof ListTenantRolesErrors];

export type ListTenantRolesResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            role: 'administrator' | 'key-administrator' | 'auditor' | 'approver';
            principal: string | null;
            group: string | null;
            grantedBy: string;
            /**
             * RFC 3339, UTC
             */
            grantedAt: string;
        }>;
        next?: string;
    };
};

export type ListTenantRolesResponse = ListTenantRolesResponses[keyof ListTenantRolesResponses];

export type CreateTenantAccessChangeData = {
    body: {
        change: 'grant';
        role: 'administrator' | 'key-administrator' | 'auditor' | 'approver';
        /**
         * ISSUER:SUBJECT, client:TENANT/NAME, or the name of a development token
         */
        principal: string;
        /**
         * Of the key of a client; left out: as it is now. Carried out only while it is that key
         */
        fingerprint?: string;
    } | {
        change: 'grant';
        role: 'administrator' | 'key-administrator' | 'auditor' | 'approver';
        group: string;
    } | {
        change: 'withdraw';
        role: 'administrator' | 'key-administrator' | 'auditor' | 'approver';
        /**
         * ISSUER:SUBJECT, client:TENANT/NAME, or the name of a development token
         */
        principal: string;
    } | {
        change: 'withdraw';
        role: 'administrator' | 'key-administrator' | 'auditor' | 'approver';
        group: string;
    } | {
        change: 'add-member';
        group: string;
        /**
         * ISSUER:SUBJECT, client:TENANT/NAME, or the name of a development token
         */
        principal: string;
        /**
         * Of the key of a client; left out: as it is now. Carried out only while it is that key
         */
        fingerprint?: string;
    } | {
        change: 'remove-member';
        group: string;
        /**
         * ISSUER:SUBJECT, client:TENANT/NAME, or the name of a development token
         */
        principal: string;
    } | {
        change: 'remove-group';
        group: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/access-changes';
};

export type CreateTenantAccessChangeErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantAccessChangeError = CreateTenantAccessChangeErrors[keyof CreateTenantAccessChangeErrors];

export type CreateTenantAccessChangeResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type CreateTenantAccessChangeResponse = CreateTenantAccessChangeResponses[keyof CreateTenantAccessChangeResponses];

export type CreateTenantAppointmentData = {
    body: {
        role: 'administrator' | 'approver';
        /**
         * ISSUER:SUBJECT, client:TENANT/NAME, or the name of a development token
         */
        principal: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/appointments';
};

export type CreateTenantAppointmentErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantAppointmentError = CreateTenantAppointmentErrors[keyof CreateTenantAppointmentErrors];

export type CreateTenantAppointmentResponses = {
    /**
     * Default Response
     */
    201: {
        appointed: true;
    };
};

export type CreateTenantAppointmentResponse = CreateTenantAppointmentResponses[keyof CreateTenantAppointmentResponses];

export type ListTenantGroupsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/groups';
};

export type ListTenantGroupsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantGroupsError = ListTenantGroupsErrors[keyof ListTenantGroupsErrors];

export type ListTenantGroupsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            name: string;
            displayName: string;
            claim: string | null;
            members: Array<string>;
            /**
             * RFC 3339, UTC
             */
            createdAt: string;
        }>;
        next?: string;
    };
};

export type ListTenantGroupsResponse = ListTenantGroupsResponses[keyof ListTenantGroupsResponses];

export type CreateTenantGroupData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        displayName?: string;
        /**
         * ISSUER:GROUP. Whoever that issuer says to be in that group of its own is a member
         */
        claim?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/groups';
};

export type CreateTenantGroupErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantGroupError = CreateTenantGroupErrors[keyof CreateTenantGroupErrors];

export type CreateTenantGroupResponses = {
    /**
     * Default Response
     */
    201: {
        name: string;
        displayName: string;
        claim: string | null;
        members: Array<string>;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type CreateTenantGroupResponse = CreateTenantGroupResponses[keyof CreateTenantGroupResponses];

export type ListTenantClientsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/clients';
};

export type ListTenantClientsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantClientsError = ListTenantClientsErrors[keyof ListTenantClientsErrors];

export type ListTenantClientsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            name: string;
            principal: string;
            fingerprint: string;
            /**
             * RFC 3339, UTC
             */
            createdAt: string;
        }>;
        next?: string;
    };
};

export type ListTenantClientsResponse = ListTenantClientsResponses[keyof ListTenantClientsResponses];

export type CreateTenantClientData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        /**
         * One X.509 certificate in PEM
         */
        certificate: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/clients';
};

export type CreateTenantClientErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantClientError = CreateTenantClientErrors[keyof CreateTenantClientErrors];

export type CreateTenantClientResponses = {
    /**
     * Default Response
     */
    201: {
        name: string;
        principal: string;
        fingerprint: string;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type CreateTenantClientResponse = CreateTenantClientResponses[keyof CreateTenantClientResponses];

export type RemoveTenantClientData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/clients/{name}';
};

export type RemoveTenantClientErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantClientError = RemoveTenantClientErrors[keyof RemoveTenantClientErrors];

export type RemoveTenantClientResponses = {
    /**
     * Default Response
     */
    200: {
        removed: true;
    };
};

export type RemoveTenantClientResponse = RemoveTenantClientResponses[keyof RemoveTenantClientResponses];

export type ListTenantWorkspacesData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/workspaces';
};

export type ListTenantWorkspacesErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantWorkspacesError = ListTenantWorkspacesErrors[keyof ListTenantWorkspacesErrors];

export type ListTenantWorkspacesResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            name: string;
            displayName: string;
            externalId: string | null;
            services: Array<string>;
            /**
             * RFC 3339, UTC
             */
            createdAt: string;
        }>;
        next?: string;
    };
};

export type ListTenantWorkspacesResponse = ListTenantWorkspacesResponses[keyof ListTenantWorkspacesResponses];

export type CreateTenantWorkspaceData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        displayName?: string;
        /**
         * How the customer’s platform calls it
         */
        externalId?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/workspaces';
};

export type CreateTenantWorkspaceErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantWorkspaceError = CreateTenantWorkspaceErrors[keyof CreateTenantWorkspaceErrors];

export type CreateTenantWorkspaceResponses = {
    /**
     * Default Response
     */
    201: {
        name: string;
        displayName: string;
        externalId: string | null;
        services: Array<string>;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type CreateTenantWorkspaceResponse = CreateTenantWorkspaceResponses[keyof CreateTenantWorkspaceResponses];

export type SetTenantWorkspaceServicesData = {
    body: {
        services: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/workspaces/{name}/services';
};

export type SetTenantWorkspaceServicesErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SetTenantWorkspaceServicesError = SetTenantWorkspaceServicesErrors[keyof SetTenantWorkspaceServicesErrors];

export type SetTenantWorkspaceServicesResponses = {
    /**
     * Default Response
     */
    200: {
        name: string;
        displayName: string;
        externalId: string | null;
        services: Array<string>;
        /**
         * RFC 3339, UTC
         */
        createdAt: string;
    };
};

export type SetTenantWorkspaceServicesResponse = SetTenantWorkspaceServicesResponses[keyof SetTenantWorkspaceServicesResponses];

export type RemoveTenantWorkspaceData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/workspaces/{name}';
};

export type RemoveTenantWorkspaceErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantWorkspaceError = RemoveTenantWorkspaceErrors[keyof RemoveTenantWorkspaceErrors];

export type RemoveTenantWorkspaceResponses = {
    /**
     * Default Response
     */
    200: {
        removed: true;
    };
};

export type RemoveTenantWorkspaceResponse = RemoveTenantWorkspaceResponses[keyof RemoveTenantWorkspaceResponses];

export type ListTenantProposalsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        state?: 'pending' | 'executed' | 'failed' | 'rejected' | 'revoked' | 'expired';
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        action?: string;
    };
    url: '/v1/tenants/{tenant}/proposals';
};

export type ListTenantProposalsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantProposalsError = ListTenantProposalsErrors[keyof ListTenantProposalsErrors];

export type ListTenantProposalsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<Proposal>;
        next?: string;
    };
};

export type ListTenantProposalsResponse = ListTenantProposalsResponses[keyof ListTenantProposalsResponses];

export type GetTenantProposalData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/proposals/{id}';
};

export type GetTenantProposalErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantProposalError = GetTenantProposalErrors[keyof GetTenantProposalErrors];

export type GetTenantProposalResponses = {
    /**
     * Default Response
     */
    200: Proposal;
};

export type GetTenantProposalResponse = GetTenantProposalResponses[keyof GetTenantProposalResponses];

export type ApproveTenantProposalData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/proposals/{id}/approve';
};

export type ApproveTenantProposalErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ApproveTenantProposalError = ApproveTenantProposalErrors[keyof ApproveTenantProposalErrors];

export type ApproveTenantProposalResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
        links: {
            tenant: string;
            state: 'none' | 'pending' | 'rotating' | 'active' | 'expired' | 'failed' | 'closing' | 'closed';
            regions: Array<{
                region: string;
                /**
                 * 0: never linked
                 */
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                openedBy: 'link' | 'rotate' | null;
                key: string | null;
                waitsFor: string | null;
                provedAt: string | null;
                expiresAt: string | null;
                activatedAt: string | null;
                closedAt: string | null;
                gatewaysTold: number | null;
                reason: string | null;
                error: string | null;
                job: string | null;
                correlationId: string | null;
                reported: {
                    epoch: number;
                    state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                    expiresAt: string | null;
                } | null;
                rotateAt: string | null;
                rotation: {
                    epoch: number;
                    state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed';
                    key: string;
                    waitsFor: string | null;
                    error: string | null;
                    job: string | null;
                    correlationId: string;
                } | null;
            }>;
        };
    };
};

export type ApproveTenantProposalResponse = ApproveTenantProposalResponses[keyof ApproveTenantProposalResponses];

export type RejectTenantProposalData = {
    body: {
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/proposals/{id}/reject';
};

export type RejectTenantProposalErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RejectTenantProposalError = RejectTenantProposalErrors[keyof RejectTenantProposalErrors];

export type RejectTenantProposalResponses = {
    /**
     * Default Response
     */
    200: {
        proposal: Proposal;
    };
};

export type RejectTenantProposalResponse = RejectTenantProposalResponses[keyof RejectTenantProposalResponses];

export type RevokeTenantProposalData = {
    body: {
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/proposals/{id}/revoke';
};

export type RevokeTenantProposalErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RevokeTenantProposalError = RevokeTenantProposalErrors[keyof RevokeTenantProposalErrors];

export type RevokeTenantProposalResponses = {
    /**
     * Default Response
     */
    200: {
        proposal: Proposal;
    };
};

export type RevokeTenantProposalResponse = RevokeTenantProposalResponses[keyof RevokeTenantProposalResponses];

export type GetTenantApprovalRulesData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/approval-rules';
};

export type GetTenantApprovalRulesErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantApprovalRulesError = GetTenantApprovalRulesErrors[keyof GetTenantApprovalRulesErrors];

export type GetTenantApprovalRulesResponses = {
    /**
     * Default Response
     */
    200: ApprovalRules;
};

export type GetTenantApprovalRulesResponse = GetTenantApprovalRulesResponses[keyof GetTenantApprovalRulesResponses];

export type RemoveTenantApprovalRuleData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        action: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/approval-rules/{action}';
};

export type RemoveTenantApprovalRuleErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantApprovalRuleError = RemoveTenantApprovalRuleErrors[keyof RemoveTenantApprovalRuleErrors];

export type RemoveTenantApprovalRuleResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type RemoveTenantApprovalRuleResponse = RemoveTenantApprovalRuleResponses[keyof RemoveTenantApprovalRuleResponses];

export type SetTenantApprovalRuleData = {
    body: {
        /**
         * By different people, the proposer not among them
         */
        approvals: number;
        /**
         * Whose members may approve; empty: whoever is permitted to
         */
        groups?: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        action: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/approval-rules/{action}';
};

export type SetTenantApprovalRuleErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SetTenantApprovalRuleError = SetTenantApprovalRuleErrors[keyof SetTenantApprovalRuleErrors];

export type SetTenantApprovalRuleResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type SetTenantApprovalRuleResponse = SetTenantApprovalRuleResponses[keyof SetTenantApprovalRuleResponses];

export type RemoveTenantApproverGroupData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/approver-groups/{name}';
};

export type RemoveTenantApproverGroupErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantApproverGroupError = RemoveTenantApproverGroupErrors[keyof RemoveTenantApproverGroupErrors];

export type RemoveTenantApproverGroupResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type RemoveTenantApproverGroupResponse = RemoveTenantApproverGroupResponses[keyof RemoveTenantApproverGroupResponses];

export type SetTenantApproverGroupData = {
    body: {
        /**
         * As roles and the audit log name them
         */
        members: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/approver-groups/{name}';
};

export type SetTenantApproverGroupErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SetTenantApproverGroupError = SetTenantApproverGroupErrors[keyof SetTenantApproverGroupErrors];

export type SetTenantApproverGroupResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type SetTenantApproverGroupResponse = SetTenantApproverGroupResponses[keyof SetTenantApproverGroupResponses];

export type BlockTenantData = {
    body: {
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/block';
};

export type BlockTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type BlockTenantError = BlockTenantErrors[keyof BlockTenantErrors];

export type BlockTenantResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type BlockTenantResponse = BlockTenantResponses[keyof BlockTenantResponses];

export type UnblockTenantData = {
    body: {
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/unblock';
};

export type UnblockTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type UnblockTenantError = UnblockTenantErrors[keyof UnblockTenantErrors];

export type UnblockTenantResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type UnblockTenantResponse = UnblockTenantResponses[keyof UnblockTenantResponses];

export type TerminateTenantData = {
    body: {
        reason: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/terminate';
};

export type TerminateTenantErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type TerminateTenantError = TerminateTenantErrors[keyof TerminateTenantErrors];

export type TerminateTenantResponses = {
    /**
     * Default Response
     */
    202: {
        proposal: Proposal;
    };
};

export type TerminateTenantResponse = TerminateTenantResponses[keyof TerminateTenantResponses];

export type ListTenantNotificationsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/notifications';
};

export type ListTenantNotificationsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantNotificationsError = ListTenantNotificationsErrors[keyof ListTenantNotificationsErrors];

export type ListTenantNotificationsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<NotificationChannel>;
    };
};

export type ListTenantNotificationsResponse = ListTenantNotificationsResponses[keyof ListTenantNotificationsResponses];

export type RemoveTenantNotificationData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/notifications/{name}';
};

export type RemoveTenantNotificationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantNotificationError = RemoveTenantNotificationErrors[keyof RemoveTenantNotificationErrors];

export type RemoveTenantNotificationResponses = {
    /**
     * Default Response
     */
    204: void;
};

export type RemoveTenantNotificationResponse = RemoveTenantNotificationResponses[keyof RemoveTenantNotificationResponses];

export type SetTenantNotificationData = {
    body: {
        kind: 'webhook';
        /**
         * https, on the public internet
         */
        url: string;
        /**
         * Actions of audit events, such as proposal.* or key.state. Default: proposal.*, link.active, link.close, link.closed, link.failed, key.state, tenant.*
         */
        events?: Array<string>;
    } | {
        kind: 'email';
        to: Array<string>;
        /**
         * Actions of audit events, such as proposal.* or key.state. Default: proposal.*, link.active, link.close, link.closed, link.failed, key.state, tenant.*
         */
        events?: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/notifications/{name}';
};

export type SetTenantNotificationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SetTenantNotificationError = SetTenantNotificationErrors[keyof SetTenantNotificationErrors];

export type SetTenantNotificationResponses = {
    /**
     * Default Response
     */
    200: {
        channel: NotificationChannel;
        secret: string | null;
    };
};

export type SetTenantNotificationResponse = SetTenantNotificationResponses[keyof SetTenantNotificationResponses];

export type SecretTenantNotificationData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/notifications/{name}/secret';
};

export type SecretTenantNotificationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type SecretTenantNotificationError = SecretTenantNotificationErrors[keyof SecretTenantNotificationErrors];

export type SecretTenantNotificationResponses = {
    /**
     * Default Response
     */
    200: {
        /**
         * Of Standard Webhooks, whsec_…: told once, and never again
         */
        secret: string;
    };
};

export type SecretTenantNotificationResponse = SecretTenantNotificationResponses[keyof SecretTenantNotificationResponses];

export type RetryTenantNotificationData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/notifications/{name}/retry';
};

export type RetryTenantNotificationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RetryTenantNotificationError = RetryTenantNotificationErrors[keyof RetryTenantNotificationErrors];

export type RetryTenantNotificationResponses = {
    /**
     * Default Response
     */
    202: NotificationChannel;
};

export type RetryTenantNotificationResponse = RetryTenantNotificationResponses[keyof RetryTenantNotificationResponses];

export type ListTenantKeyConfigurationsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/key-configurations';
};

export type ListTenantKeyConfigurationsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantKeyConfigurationsError = ListTenantKeyConfigurationsErrors[keyof ListTenantKeyConfigurationsErrors];

export type ListTenantKeyConfigurationsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<KeyConfiguration>;
        next?: string;
    };
};

export type ListTenantKeyConfigurationsResponse = ListTenantKeyConfigurationsResponses[keyof ListTenantKeyConfigurationsResponses];

export type CreateTenantKeyConfigurationData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        description?: string;
        keys?: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/key-configurations';
};

export type CreateTenantKeyConfigurationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantKeyConfigurationError = CreateTenantKeyConfigurationErrors[keyof CreateTenantKeyConfigurationErrors];

export type CreateTenantKeyConfigurationResponses = {
    /**
     * Default Response
     */
    201: KeyConfiguration;
};

export type CreateTenantKeyConfigurationResponse = CreateTenantKeyConfigurationResponses[keyof CreateTenantKeyConfigurationResponses];

export type RemoveTenantKeyConfigurationData = {
    body?: never;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/key-configurations/{name}';
};

export type RemoveTenantKeyConfigurationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantKeyConfigurationError = RemoveTenantKeyConfigurationErrors[keyof RemoveTenantKeyConfigurationErrors];

export type RemoveTenantKeyConfigurationResponses = {
    /**
     * No body
     */
    204: void;
};

export type RemoveTenantKeyConfigurationResponse = RemoveTenantKeyConfigurationResponses[keyof RemoveTenantKeyConfigurationResponses];

export type GetTenantKeyConfigurationData = {
    body?: never;
    headers?: {
        /**
         * An ETag: 304 without a body when nothing has changed since
         */
        'if-none-match'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/key-configurations/{name}';
};

export type GetTenantKeyConfigurationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantKeyConfigurationError = GetTenantKeyConfigurationErrors[keyof GetTenantKeyConfigurationErrors];

export type GetTenantKeyConfigurationResponses = {
    /**
     * Default Response
     */
    200: KeyConfiguration;
};

export type GetTenantKeyConfigurationResponse = GetTenantKeyConfigurationResponses[keyof GetTenantKeyConfigurationResponses];

export type UpdateTenantKeyConfigurationData = {
    body: {
        description?: string;
        keys?: Array<string>;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        primaryKey?: string;
    };
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/key-configurations/{name}';
};

export type UpdateTenantKeyConfigurationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type UpdateTenantKeyConfigurationError = UpdateTenantKeyConfigurationErrors[keyof UpdateTenantKeyConfigurationErrors];

export type UpdateTenantKeyConfigurationResponses = {
    /**
     * Default Response
     */
    200: KeyConfiguration;
};

export type UpdateTenantKeyConfigurationResponse = UpdateTenantKeyConfigurationResponses[keyof UpdateTenantKeyConfigurationResponses];

export type ListTenantSystemsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        /**
         * What sort of system it is
         */
        kind?: string;
        /**
         * How the customer knows the system; the only one of its kind
         */
        externalId?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        keyConfiguration?: string;
        /**
         * With which the name begins, in any case
         */
        search?: string;
    };
    url: '/v1/tenants/{tenant}/systems';
};

export type ListTenantSystemsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantSystemsError = ListTenantSystemsErrors[keyof ListTenantSystemsErrors];

export type ListTenantSystemsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<System>;
        next?: string;
    };
};

export type ListTenantSystemsResponse = ListTenantSystemsResponses[keyof ListTenantSystemsResponses];

export type CreateTenantSystemData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
        /**
         * What sort of system it is
         */
        kind: string;
        /**
         * How the customer knows the system; the only one of its kind
         */
        externalId: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        keyConfiguration?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/systems';
};

export type CreateTenantSystemErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantSystemError = CreateTenantSystemErrors[keyof CreateTenantSystemErrors];

export type CreateTenantSystemResponses = {
    /**
     * Default Response
     */
    201: System;
};

export type CreateTenantSystemResponse = CreateTenantSystemResponses[keyof CreateTenantSystemResponses];

export type RemoveTenantSystemData = {
    body?: never;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/systems/{name}';
};

export type RemoveTenantSystemErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantSystemError = RemoveTenantSystemErrors[keyof RemoveTenantSystemErrors];

export type RemoveTenantSystemResponses = {
    /**
     * No body
     */
    204: void;
};

export type RemoveTenantSystemResponse = RemoveTenantSystemResponses[keyof RemoveTenantSystemResponses];

export type GetTenantSystemData = {
    body?: never;
    headers?: {
        /**
         * An ETag: 304 without a body when nothing has changed since
         */
        'if-none-match'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/systems/{name}';
};

export type GetTenantSystemErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantSystemError = GetTenantSystemErrors[keyof GetTenantSystemErrors];

export type GetTenantSystemResponses = {
    /**
     * Default Response
     */
    200: System;
};

export type GetTenantSystemResponse = GetTenantSystemResponses[keyof GetTenantSystemResponses];

export type UpdateTenantSystemData = {
    body: {
        service: string | null;
    };
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/systems/{name}';
};

export type UpdateTenantSystemErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type UpdateTenantSystemError = UpdateTenantSystemErrors[keyof UpdateTenantSystemErrors];

export type UpdateTenantSystemResponses = {
    /**
     * Default Response
     */
    200: System;
};

export type UpdateTenantSystemResponse = UpdateTenantSystemResponses[keyof UpdateTenantSystemResponses];

export type LinkTenantSystemData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        keyConfiguration: string;
    };
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/systems/{name}/link';
};

export type LinkTenantSystemErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type LinkTenantSystemError = LinkTenantSystemErrors[keyof LinkTenantSystemErrors];

export type LinkTenantSystemResponses = {
    /**
     * Default Response
     */
    200: System;
};

export type LinkTenantSystemResponse = LinkTenantSystemResponses[keyof LinkTenantSystemResponses];

export type UnlinkTenantSystemData = {
    body?: never;
    headers?: {
        /**
         * The ETag that was looked at: 412 when it is another by now
         */
        'if-match'?: string;
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        name: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/systems/{name}/unlink';
};

export type UnlinkTenantSystemErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type UnlinkTenantSystemError = UnlinkTenantSystemErrors[keyof UnlinkTenantSystemErrors];

export type UnlinkTenantSystemResponses = {
    /**
     * Default Response
     */
    200: System;
};

export type UnlinkTenantSystemResponse = UnlinkTenantSystemResponses[keyof UnlinkTenantSystemResponses];

export type ListTenantSimulationsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/simulations';
};

export type ListTenantSimulationsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantSimulationsError = ListTenantSimulationsErrors[keyof ListTenantSimulationsErrors];

export type ListTenantSimulationsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            id: string;
            subject: {
                action: 'unlink';
            } | {
                action: 'disable-key';
                key: string;
            } | {
                action: 'delete-key';
                key: string;
            } | {
                action: 'block-tenant';
            } | {
                action: 'terminate-tenant';
            } | {
                action: 'drill';
                service?: string;
            };
            askedBy: string;
            /**
             * RFC 3339, UTC
             */
            askedAt: string;
            /**
             * asking: a region may still answer
             */
            state: 'asking' | 'complete';
        }>;
        next?: string;
    };
};

export type ListTenantSimulationsResponse = ListTenantSimulationsResponses[keyof ListTenantSimulationsResponses];

export type CreateTenantSimulationData = {
    body: {
        action: 'unlink' | 'disable-key' | 'delete-key' | 'block-tenant' | 'terminate-tenant' | 'drill';
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        key?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        /**
         * All of the tenant’s when left out
         */
        regions?: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/simulations';
};

export type CreateTenantSimulationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantSimulationError = CreateTenantSimulationErrors[keyof CreateTenantSimulationErrors];

export type CreateTenantSimulationResponses = {
    /**
     * Default Response
     */
    202: {
        id: string;
        tenant: string;
        subject: {
            action: 'unlink';
        } | {
            action: 'disable-key';
            key: string;
        } | {
            action: 'delete-key';
            key: string;
        } | {
            action: 'block-tenant';
        } | {
            action: 'terminate-tenant';
        } | {
            action: 'drill';
            service?: string;
        };
        askedBy: string;
        /**
         * RFC 3339, UTC
         */
        askedAt: string;
        /**
         * asking: a region may still answer
         */
        state: 'asking' | 'complete';
        stops: boolean;
        means: string;
        reversible: boolean;
        back: string;
        noticedWithinMs: number | null;
        totals: {
            regions: number;
            systems: number;
            services: number;
            versions: number;
            objects: number;
            applications: number;
            gateways: number;
            leases: number;
            workflows: number;
        };
        lastUsedAt: string | null;
        regions: Array<{
            region: string;
            stops: boolean;
            why: string;
            link: {
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                key: string | null;
                provedAt: string | null;
                /**
                 * When the region refuses without governance
                 */
                expiresAt: string | null;
                rotateAt: string | null;
                reported: {
                    epoch: number;
                    state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                    expiresAt: string | null;
                } | null;
            };
            seal: string;
            reportedAt: string | null;
            stale: boolean;
            answers: Array<{
                question: string;
                answeredAt: string | null;
                error: string | null;
            }>;
            /**
             * What the customer runs, of services that stop or not said of which
             */
            systems: Array<{
                name: string;
                kind: string;
                externalId: string;
                service: string | null;
                configuration: string | null;
            }>;
            services: Array<{
                service: string;
                state: string;
                objects: number | null;
                lastUsedAt: string | null;
                applications: number;
            }>;
            versions: Array<{
                level: 'L2' | 'L3';
                service: string | null;
                version: number;
                state: string;
                createdAt: string | null;
                dependents: number | null;
            }>;
            applications: Array<{
                name: string;
                services: Array<string>;
                state: string;
                lastSeenAt: string | null;
            }>;
            gateways: Array<{
                name: string;
                state: string;
                connected: boolean;
                leases: number;
            }>;
            leases: Array<{
                gateway: string;
                service: string;
                /**
                 * Its leases end with one push
                 */
                connected: boolean;
                /**
                 * RFC 3339, UTC
                 */
                endsBy: string;
                /**
                 * RFC 3339, UTC
                 */
                graceEndsBy: string;
                lastUsedAt: string | null;
            }>;
            /**
             * Systems, versions, leases and applications that stop and are not named
             */
            omitted: number;
            lastUsedAt: string | null;
            lastGatewayStopsBy: string | null;
        }>;
        workflows: Array<{
            kind: 'proposal' | 'job' | 'drill' | 'schedule';
            id: string | null;
            what: string;
            region: string | null;
            since: string | null;
            effect: 'cancelled' | 'waits' | 'resumes' | 'refused' | 'unaffected' | 'unknown';
            means: string;
        }>;
    };
};

export type CreateTenantSimulationResponse = CreateTenantSimulationResponses[keyof CreateTenantSimulationResponses];

export type GetTenantSimulationData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/simulations/{id}';
};

export type GetTenantSimulationErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantSimulationError = GetTenantSimulationErrors[keyof GetTenantSimulationErrors];

export type GetTenantSimulationResponses = {
    /**
     * Default Response
     */
    200: {
        id: string;
        tenant: string;
        subject: {
            action: 'unlink';
        } | {
            action: 'disable-key';
            key: string;
        } | {
            action: 'delete-key';
            key: string;
        } | {
            action: 'block-tenant';
        } | {
            action: 'terminate-tenant';
        } | {
            action: 'drill';
            service?: string;
        };
        askedBy: string;
        /**
         * RFC 3339, UTC
         */
        askedAt: string;
        /**
         * asking: a region may still answer
         */
        state: 'asking' | 'complete';
        stops: boolean;
        means: string;
        reversible: boolean;
        back: string;
        noticedWithinMs: number | null;
        totals: {
            regions: number;
            systems: number;
            services: number;
            versions: number;
            objects: number;
            applications: number;
            gateways: number;
            leases: number;
            workflows: number;
        };
        lastUsedAt: string | null;
        regions: Array<{
            region: string;
            stops: boolean;
            why: string;
            link: {
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                key: string | null;
                provedAt: string | null;
                /**
                 * When the region refuses without governance
                 */
                expiresAt: string | null;
                rotateAt: string | null;
                reported: {
                    epoch: number;
                    state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                    expiresAt: string | null;
                } | null;
            };
            seal: string;
            reportedAt: string | null;
            stale: boolean;
            answers: Array<{
                question: string;
                answeredAt: string | null;
                error: string | null;
            }>;
            /**
             * What the customer runs, of services that stop or not said of which
             */
            systems: Array<{
                name: string;
                kind: string;
                externalId: string;
                service: string | null;
                configuration: string | null;
            }>;
            services: Array<{
                service: string;
                state: string;
                objects: number | null;
                lastUsedAt: string | null;
                applications: number;
            }>;
            versions: Array<{
                level: 'L2' | 'L3';
                service: string | null;
                version: number;
                state: string;
                createdAt: string | null;
                dependents: number | null;
            }>;
            applications: Array<{
                name: string;
                services: Array<string>;
                state: string;
                lastSeenAt: string | null;
            }>;
            gateways: Array<{
                name: string;
                state: string;
                connected: boolean;
                leases: number;
            }>;
            leases: Array<{
                gateway: string;
                service: string;
                /**
                 * Its leases end with one push
                 */
                connected: boolean;
                /**
                 * RFC 3339, UTC
                 */
                endsBy: string;
                /**
                 * RFC 3339, UTC
                 */
                graceEndsBy: string;
                lastUsedAt: string | null;
            }>;
            /**
             * Systems, versions, leases and applications that stop and are not named
             */
            omitted: number;
            lastUsedAt: string | null;
            lastGatewayStopsBy: string | null;
        }>;
        workflows: Array<{
            kind: 'proposal' | 'job' | 'drill' | 'schedule';
            id: string | null;
            what: string;
            region: string | null;
            since: string | null;
            effect: 'cancelled' | 'waits' | 'resumes' | 'refused' | 'unaffected' | 'unknown';
            means: string;
        }>;
    };
};

export type GetTenantSimulationResponse = GetTenantSimulationResponses[keyof GetTenantSimulationResponses];

export type GetTenantSimulationExportData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: {
        format?: 'json' | 'csv' | 'markdown';
    };
    url: '/v1/tenants/{tenant}/simulations/{id}/export';
};

export type GetTenantSimulationExportErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantSimulationExportError = GetTenantSimulationExportErrors[keyof GetTenantSimulationExportErrors];

export type GetTenantSimulationExportResponses = {
    /**
     * JSON, CSV (RFC 4180) or Markdown
     */
    200: {
        id: string;
        tenant: string;
        subject: {
            action: 'unlink';
        } | {
            action: 'disable-key';
            key: string;
        } | {
            action: 'delete-key';
            key: string;
        } | {
            action: 'block-tenant';
        } | {
            action: 'terminate-tenant';
        } | {
            action: 'drill';
            service?: string;
        };
        askedBy: string;
        /**
         * RFC 3339, UTC
         */
        askedAt: string;
        /**
         * asking: a region may still answer
         */
        state: 'asking' | 'complete';
        stops: boolean;
        means: string;
        reversible: boolean;
        back: string;
        noticedWithinMs: number | null;
        totals: {
            regions: number;
            systems: number;
            services: number;
            versions: number;
            objects: number;
            applications: number;
            gateways: number;
            leases: number;
            workflows: number;
        };
        lastUsedAt: string | null;
        regions: Array<{
            region: string;
            stops: boolean;
            why: string;
            link: {
                epoch: number;
                state: 'preparing' | 'sealing' | 'linking' | 'active' | 'failed' | 'closing' | 'closed' | 'expired' | 'rotating' | 'none';
                key: string | null;
                provedAt: string | null;
                /**
                 * When the region refuses without governance
                 */
                expiresAt: string | null;
                rotateAt: string | null;
                reported: {
                    epoch: number;
                    state: 'none' | 'prepared' | 'open' | 'expired' | 'closed';
                    expiresAt: string | null;
                } | null;
            };
            seal: string;
            reportedAt: string | null;
            stale: boolean;
            answers: Array<{
                question: string;
                answeredAt: string | null;
                error: string | null;
            }>;
            /**
             * What the customer runs, of services that stop or not said of which
             */
            systems: Array<{
                name: string;
                kind: string;
                externalId: string;
                service: string | null;
                configuration: string | null;
            }>;
            services: Array<{
                service: string;
                state: string;
                objects: number | null;
                lastUsedAt: string | null;
                applications: number;
            }>;
            versions: Array<{
                level: 'L2' | 'L3';
                service: string | null;
                version: number;
                state: string;
                createdAt: string | null;
                dependents: number | null;
            }>;
            applications: Array<{
                name: string;
                services: Array<string>;
                state: string;
                lastSeenAt: string | null;
            }>;
            gateways: Array<{
                name: string;
                state: string;
                connected: boolean;
                leases: number;
            }>;
            leases: Array<{
                gateway: string;
                service: string;
                /**
                 * Its leases end with one push
                 */
                connected: boolean;
                /**
                 * RFC 3339, UTC
                 */
                endsBy: string;
                /**
                 * RFC 3339, UTC
                 */
                graceEndsBy: string;
                lastUsedAt: string | null;
            }>;
            /**
             * Systems, versions, leases and applications that stop and are not named
             */
            omitted: number;
            lastUsedAt: string | null;
            lastGatewayStopsBy: string | null;
        }>;
        workflows: Array<{
            kind: 'proposal' | 'job' | 'drill' | 'schedule';
            id: string | null;
            what: string;
            region: string | null;
            since: string | null;
            effect: 'cancelled' | 'waits' | 'resumes' | 'refused' | 'unaffected' | 'unknown';
            means: string;
        }>;
    };
};

export type GetTenantSimulationExportResponse = GetTenantSimulationExportResponses[keyof GetTenantSimulationExportResponses];

export type RemoveTenantDrillTargetsData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
    };
    url: '/v1/tenants/{tenant}/drill-targets';
};

export type RemoveTenantDrillTargetsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RemoveTenantDrillTargetsError = RemoveTenantDrillTargetsErrors[keyof RemoveTenantDrillTargetsErrors];

export type RemoveTenantDrillTargetsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            tenant: string;
            /**
             * null: the whole tenant
             */
            service: string | null;
            designatedBy: string;
            /**
             * RFC 3339, UTC
             */
            designatedAt: string;
        }>;
    };
};

export type RemoveTenantDrillTargetsResponse = RemoveTenantDrillTargetsResponses[keyof RemoveTenantDrillTargetsResponses];

export type ListTenantDrillTargetsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/drill-targets';
};

export type ListTenantDrillTargetsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantDrillTargetsError = ListTenantDrillTargetsErrors[keyof ListTenantDrillTargetsErrors];

export type ListTenantDrillTargetsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            tenant: string;
            /**
             * null: the whole tenant
             */
            service: string | null;
            designatedBy: string;
            /**
             * RFC 3339, UTC
             */
            designatedAt: string;
        }>;
    };
};

export type ListTenantDrillTargetsResponse = ListTenantDrillTargetsResponses[keyof ListTenantDrillTargetsResponses];

export type CreateTenantDrillTargetData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/drill-targets';
};

export type CreateTenantDrillTargetErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantDrillTargetError = CreateTenantDrillTargetErrors[keyof CreateTenantDrillTargetErrors];

export type CreateTenantDrillTargetResponses = {
    /**
     * Default Response
     */
    201: {
        tenant: string;
        /**
         * null: the whole tenant
         */
        service: string | null;
        designatedBy: string;
        /**
         * RFC 3339, UTC
         */
        designatedAt: string;
    };
};

export type CreateTenantDrillTargetResponse = CreateTenantDrillTargetResponses[keyof CreateTenantDrillTargetResponses];

export type ListTenantDrillsData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
    };
    url: '/v1/tenants/{tenant}/drills';
};

export type ListTenantDrillsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListTenantDrillsError = ListTenantDrillsErrors[keyof ListTenantDrillsErrors];

export type ListTenantDrillsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<{
            id: string;
            tenant: string;
            service: string | null;
            state: 'running' | 'restoring' | 'ended';
            startedBy: string;
            /**
             * RFC 3339, UTC
             */
            startedAt: string;
            /**
             * RFC 3339, UTC
             */
            restoreAt: string;
            /**
             * When regions end it by themselves, without governance
             */
            until: string;
            stoppedBy: string | null;
            restoringAt: string | null;
            endedAt: string | null;
            correlationId: string;
            /**
             * Of the slowest region; null as long as one is not known
             */
            timeToLastRefusalMs: number | null;
            timeBackMs: number | null;
            regions: Array<{
                region: string;
                state: 'cutting' | 'cut' | 'restoring' | 'restored' | 'failed';
                /**
                 * From asking the region until all its connected gateways refused, as governance heard of it
                 */
                refusedWithinMs: number | null;
                backWithinMs: number | null;
                /**
                 * Where a gateway has not confirmed: when its leases had ended at the latest
                 */
                refusedBy: string | null;
                /**
                 * See GET /v1/jobs/{id}
                 */
                cutJob: string;
                cutError: string | null;
                cut: {
                    cutAt: string;
                    tookMs: number;
                    gatewaysTold: number;
                    untold: Array<string>;
                    leasesEndBy: string;
                } | null;
                restoreJob: string | null;
                restoreError: string | null;
                restored: {
                    restoredAt: string;
                    tookMs: number;
                    gatewaysTold: number;
                    untold: Array<string>;
                    heldUntilNow: boolean;
                } | null;
            }>;
        }>;
        next?: string;
    };
};

export type ListTenantDrillsResponse = ListTenantDrillsResponses[keyof ListTenantDrillsResponses];

export type CreateTenantDrillData = {
    body: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        service?: string;
        seconds: number;
        /**
         * The name of what is cut off once more: tenant, or tenant/service
         */
        confirm: string;
        /**
         * All of the tenant’s when left out
         */
        regions?: Array<string>;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/drills';
};

export type CreateTenantDrillErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateTenantDrillError = CreateTenantDrillErrors[keyof CreateTenantDrillErrors];

export type CreateTenantDrillResponses = {
    /**
     * Default Response
     */
    202: {
        id: string;
        tenant: string;
        service: string | null;
        state: 'running' | 'restoring' | 'ended';
        startedBy: string;
        /**
         * RFC 3339, UTC
         */
        startedAt: string;
        /**
         * RFC 3339, UTC
         */
        restoreAt: string;
        /**
         * When regions end it by themselves, without governance
         */
        until: string;
        stoppedBy: string | null;
        restoringAt: string | null;
        endedAt: string | null;
        correlationId: string;
        /**
         * Of the slowest region; null as long as one is not known
         */
        timeToLastRefusalMs: number | null;
        timeBackMs: number | null;
        regions: Array<{
            region: string;
            state: 'cutting' | 'cut' | 'restoring' | 'restored' | 'failed';
            /**
             * From asking the region until all its connected gateways refused, as governance heard of it
             */
            refusedWithinMs: number | null;
            backWithinMs: number | null;
            /**
             * Where a gateway has not confirmed: when its leases had ended at the latest
             */
            refusedBy: string | null;
            /**
             * See GET /v1/jobs/{id}
             */
            cutJob: string;
            cutError: string | null;
            cut: {
                cutAt: string;
                tookMs: number;
                gatewaysTold: number;
                untold: Array<string>;
                leasesEndBy: string;
            } | null;
            restoreJob: string | null;
            restoreError: string | null;
            restored: {
                restoredAt: string;
                tookMs: number;
                gatewaysTold: number;
                untold: Array<string>;
                heldUntilNow: boolean;
            } | null;
        }>;
    };
};

export type CreateTenantDrillResponse = CreateTenantDrillResponses[keyof CreateTenantDrillResponses];

export type GetTenantDrillData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/drills/{id}';
};

export type GetTenantDrillErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetTenantDrillError = GetTenantDrillErrors[keyof GetTenantDrillErrors];

export type GetTenantDrillResponses = {
    /**
     * Default Response
     */
    200: {
        id: string;
        tenant: string;
        service: string | null;
        state: 'running' | 'restoring' | 'ended';
        startedBy: string;
        /**
         * RFC 3339, UTC
         */
        startedAt: string;
        /**
         * RFC 3339, UTC
         */
        restoreAt: string;
        /**
         * When regions end it by themselves, without governance
         */
        until: string;
        stoppedBy: string | null;
        restoringAt: string | null;
        endedAt: string | null;
        correlationId: string;
        /**
         * Of the slowest region; null as long as one is not known
         */
        timeToLastRefusalMs: number | null;
        timeBackMs: number | null;
        regions: Array<{
            region: string;
            state: 'cutting' | 'cut' | 'restoring' | 'restored' | 'failed';
            /**
             * From asking the region until all its connected gateways refused, as governance heard of it
             */
            refusedWithinMs: number | null;
            backWithinMs: number | null;
            /**
             * Where a gateway has not confirmed: when its leases had ended at the latest
             */
            refusedBy: string | null;
            /**
             * See GET /v1/jobs/{id}
             */
            cutJob: string;
            cutError: string | null;
            cut: {
                cutAt: string;
                tookMs: number;
                gatewaysTold: number;
                untold: Array<string>;
                leasesEndBy: string;
            } | null;
            restoreJob: string | null;
            restoreError: string | null;
            restored: {
                restoredAt: string;
                tookMs: number;
                gatewaysTold: number;
                untold: Array<string>;
                heldUntilNow: boolean;
            } | null;
        }>;
    };
};

export type GetTenantDrillResponse = GetTenantDrillResponses[keyof GetTenantDrillResponses];

export type StopTenantDrillData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        tenant: string;
        id: string;
    };
    query?: never;
    url: '/v1/tenants/{tenant}/drills/{id}/stop';
};

export type StopTenantDrillErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type StopTenantDrillError = StopTenantDrillErrors[keyof StopTenantDrillErrors];

export type StopTenantDrillResponses = {
    /**
     * Default Response
     */
    202: {
        id: string;
        tenant: string;
        service: string | null;
        state: 'running' | 'restoring' | 'ended';
        startedBy: string;
        /**
         * RFC 3339, UTC
         */
        startedAt: string;
        /**
         * RFC 3339, UTC
         */
        restoreAt: string;
        /**
         * When regions end it by themselves, without governance
         */
        until: string;
        stoppedBy: string | null;
        restoringAt: string | null;
        endedAt: string | null;
        correlationId: string;
        /**
         * Of the slowest region; null as long as one is not known
         */
        timeToLastRefusalMs: number | null;
        timeBackMs: number | null;
        regions: Array<{
            region: string;
            state: 'cutting' | 'cut' | 'restoring' | 'restored' | 'failed';
            /**
             * From asking the region until all its connected gateways refused, as governance heard of it
             */
            refusedWithinMs: number | null;
            backWithinMs: number | null;
            /**
             * Where a gateway has not confirmed: when its leases had ended at the latest
             */
            refusedBy: string | null;
            /**
             * See GET /v1/jobs/{id}
             */
            cutJob: string;
            cutError: string | null;
            cut: {
                cutAt: string;
                tookMs: number;
                gatewaysTold: number;
                untold: Array<string>;
                leasesEndBy: string;
            } | null;
            restoreJob: string | null;
            restoreError: string | null;
            restored: {
                restoredAt: string;
                tookMs: number;
                gatewaysTold: number;
                untold: Array<string>;
                heldUntilNow: boolean;
            } | null;
        }>;
    };
};

export type StopTenantDrillResponse = StopTenantDrillResponses[keyof StopTenantDrillResponses];

export type ListSigningKeysData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/v1/signing-keys';
};

export type ListSigningKeysErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListSigningKeysError = ListSigningKeysErrors[keyof ListSigningKeysErrors];

export type ListSigningKeysResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<SigningKey>;
    };
};

export type ListSigningKeysResponse = ListSigningKeysResponses[keyof ListSigningKeysResponses];

export type CreateSigningKeyData = {
    body: {
        /**
         * Names a signing key; never used twice
         */
        keyId: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path?: never;
    query?: never;
    url: '/v1/signing-keys';
};

export type CreateSigningKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateSigningKeyError = CreateSigningKeyErrors[keyof CreateSigningKeyErrors];

export type CreateSigningKeyResponses = {
    /**
     * Default Response
     */
    202: SigningKey;
};

export type CreateSigningKeyResponse = CreateSigningKeyResponses[keyof CreateSigningKeyResponses];

export type ActivateSigningKeyData = {
    body?: never;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * Names a signing key; never used twice
         */
        key: string;
    };
    query?: never;
    url: '/v1/signing-keys/{key}/activate';
};

export type ActivateSigningKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ActivateSigningKeyError = ActivateSigningKeyErrors[keyof ActivateSigningKeyErrors];

export type ActivateSigningKeyResponses = {
    /**
     * Default Response
     */
    200: SigningKey;
};

export type ActivateSigningKeyResponse = ActivateSigningKeyResponses[keyof ActivateSigningKeyResponses];

export type RetireSigningKeyData = {
    body: {
        /**
         * Also while something is signed by it: whoever has stolen it sees to that
         */
        stolen?: boolean;
    } | null;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * Names a signing key; never used twice
         */
        key: string;
    };
    query?: never;
    url: '/v1/signing-keys/{key}/retire';
};

export type RetireSigningKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RetireSigningKeyError = RetireSigningKeyErrors[keyof RetireSigningKeyErrors];

export type RetireSigningKeyResponses = {
    /**
     * Default Response
     */
    202: SigningKey;
};

export type RetireSigningKeyResponse = RetireSigningKeyResponses[keyof RetireSigningKeyResponses];

export type ListRegionKeysData = {
    body?: never;
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region: string;
    };
    query?: never;
    url: '/v1/regions/{region}/keys';
};

export type ListRegionKeysErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListRegionKeysError = ListRegionKeysErrors[keyof ListRegionKeysErrors];

export type ListRegionKeysResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<RegionKey>;
    };
};

export type ListRegionKeysResponse = ListRegionKeysResponses[keyof ListRegionKeysResponses];

export type CreateRegionKeyData = {
    body: {
        /**
         * Names a signing key; never used twice
         */
        keyId: string;
        /**
         * Ed25519, SubjectPublicKeyInfo PEM
         */
        publicKey?: string;
    };
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region: string;
    };
    query?: never;
    url: '/v1/regions/{region}/keys';
};

export type CreateRegionKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type CreateRegionKeyError = CreateRegionKeyErrors[keyof CreateRegionKeyErrors];

export type CreateRegionKeyResponses = {
    /**
     * Default Response
     */
    202: {
        job: string | null;
    };
};

export type CreateRegionKeyResponse = CreateRegionKeyResponses[keyof CreateRegionKeyResponses];

export type RetireRegionKeyData = {
    body: {
        /**
         * Also while something is signed by it: whoever has stolen it sees to that
         */
        stolen?: boolean;
    } | null;
    headers?: {
        /**
         * A UUID, say: the same request with the same key is carried out once
         */
        'idempotency-key'?: string;
    };
    path: {
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region: string;
        /**
         * Names a signing key; never used twice
         */
        key: string;
    };
    query?: never;
    url: '/v1/regions/{region}/keys/{key}/retire';
};

export type RetireRegionKeyErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type RetireRegionKeyError = RetireRegionKeyErrors[keyof RetireRegionKeyErrors];

export type RetireRegionKeyResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<RegionKey>;
    };
};

export type RetireRegionKeyResponse = RetireRegionKeyResponses[keyof RetireRegionKeyResponses];

export type ListDriftData = {
    body?: never;
    path?: never;
    query?: {
        limit?: number;
        /**
         * The `next` of the page before
         */
        cursor?: string;
        /**
         * 1 to 63 lower-case letters, digits and inner hyphens
         */
        region?: string;
        class?: 'tenant' | 'service' | 'key' | 'identity' | 'issuer';
        finding?: 'tenant-unknown' | 'tenant-residue' | 'tenant-ended' | 'tenant-blocked' | 'tenant-lost' | 'tenant-missing' | 'tenant-unconfirmed' | 'tenant-ended-there' | 'link-open' | 'link-unheld' | 'link-ahead' | 'link-lost' | 'tenant-unclear' | 'service-missing' | 'service-unconfirmed' | 'service-unknown' | 'keys-rewound' | 'keys-damaged' | 'identity-unknown' | 'identity-removed' | 'identity-missing' | 'identity-different' | 'identity-unconfirmed' | 'issuer-missing' | 'issuer-unknown';
        mend?: 'close' | 'revoke' | 'provision' | 'tell';
    };
    url: '/v1/drift';
};

export type ListDriftErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListDriftError = ListDriftErrors[keyof ListDriftErrors];

export type ListDriftResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<DriftFinding>;
        next?: string;
    };
};

export type ListDriftResponse = ListDriftResponses[keyof ListDriftResponses];

export type ListDriftRegionsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/v1/drift/regions';
};

export type ListDriftRegionsErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type ListDriftRegionsError = ListDriftRegionsErrors[keyof ListDriftRegionsErrors];

export type ListDriftRegionsResponses = {
    /**
     * Default Response
     */
    200: {
        items: Array<RegionDrift>;
    };
};

export type ListDriftRegionsResponse = ListDriftRegionsResponses[keyof ListDriftRegionsResponses];

export type GetLoginData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/v1/login';
};

export type GetLoginErrors = {
    /**
     * Default Response
     */
    '4XX': Problem;
    /**
     * Default Response
     */
    '5XX': Problem;
};

export type GetLoginError = GetLoginErrors[keyof GetLoginErrors];

export type GetLoginResponses = {
    /**
     * Default Response
     */
    200: {
        issuers: Array<{
            name: string;
            issuer: string;
            audience: string;
            /**
             * For the command line; null: use one of your own
             */
            clientId: string | null;
        }>;
    };
};

export type GetLoginResponse = GetLoginResponses[keyof GetLoginResponses];
