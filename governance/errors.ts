/**
 * Every error that the governance API can answer, in one table: the code is stable, the status follows from it, and
 * the hint says what to do next. Messages may name tenants and keys, never tokens or key material.
 */
import { OkcmError } from '../platform/errors.ts';

export const cmkErrors = {
  INVALID_REQUEST: {
    status: 400,
    title: 'The request does not follow its schema',
    hint: 'See /v1/openapi.json for the fields and their limits.',
  },
  INVALID_CERTIFICATE: {
    status: 400,
    title: 'The certificate cannot be used',
    hint: 'Send one X.509 certificate in PEM that is valid now.',
  },
  INVALID_PUBLIC_KEY: {
    status: 400,
    title: 'The public key cannot be used',
    hint: 'Send an Ed25519 public key in PEM (SubjectPublicKeyInfo).',
  },
  INVALID_CURSOR: {
    status: 400,
    title: 'The cursor is not one that this API gave out',
    hint: 'Start again without a cursor.',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'No valid credential came with the request',
    hint: 'Send the header Authorization: Bearer TOKEN; GET /v1/login tells who issues tokens. Or show a registered certificate.',
  },
  FORBIDDEN: {
    status: 403,
    title: 'This is not permitted to you',
    hint: 'GET /v1/me tells which roles you have in which tenant; an administrator of the tenant can have one granted.',
  },
  FOUR_EYES: {
    status: 403,
    title: 'The proposer may not approve their own proposal',
    hint: 'Another operator has to approve it.',
  },
  NOT_APPROVER: {
    status: 403,
    title: 'Not an approver of this proposal',
    hint: 'GET /v1/tenants/{tenant}/proposals/{id} names them: whoever was one when it was made, and still is.',
  },
  NOT_PROPOSER: {
    status: 403,
    title: 'Only its proposer takes a proposal back',
    hint: 'An approver can reject it.',
  },
  PORTAL_NOT_BUILT: {
    status: 503,
    title: 'The portal has not been built',
    hint: 'Run npm ci, or npm run build:portal, where CMK is installed.',
  },
  ROUTE_UNKNOWN: { status: 404, title: 'No such route', hint: 'GET /v1/openapi.json lists every route.' },
  REGION_UNKNOWN: {
    status: 404,
    title: 'No such region',
    hint: 'GET /v1/regions lists them; POST /v1/regions enrols one.',
  },
  GATEWAY_UNKNOWN: { status: 404, title: 'No such gateway', hint: 'GET /v1/regions lists them.' },
  TENANT_UNKNOWN: { status: 404, title: 'No such tenant', hint: 'GET /v1/tenants lists them.' },
  SERVICE_UNKNOWN: {
    status: 404,
    title: 'No such service',
    hint: 'POST /v1/tenants/{tenant}/services makes one.',
  },
  KEYSTORE_UNKNOWN: { status: 404, title: 'No such keystore', hint: 'POST /v1/keystores registers one.' },
  KEY_UNKNOWN: {
    status: 404,
    title: 'No such key',
    hint: 'POST /v1/tenants/{tenant}/keys registers an L1 key.',
  },
  KEY_CONFIGURATION_UNKNOWN: {
    status: 404,
    title: 'No such key configuration',
    hint: 'GET /v1/tenants/{tenant}/key-configurations lists them; POST makes one.',
  },
  SYSTEM_UNKNOWN: {
    status: 404,
    title: 'No such system',
    hint: 'GET /v1/tenants/{tenant}/systems lists them; POST adds one.',
  },
  APPLICATION_UNKNOWN: {
    status: 404,
    title: 'No such application',
    hint: 'GET /v1/tenants/{tenant}/applications lists them.',
  },
  PROPOSAL_UNKNOWN: {
    status: 404,
    title: 'No such proposal',
    hint: 'GET /v1/tenants/{tenant}/proposals lists them.',
  },
  ACCESS_GROUP_UNKNOWN: {
    status: 404,
    title: 'No such group',
    hint: 'GET /v1/tenants/{tenant}/groups lists them.',
  },
  MEMBER_UNKNOWN: {
    status: 404,
    title: 'No such member of the group',
    hint: 'GET /v1/tenants/{tenant}/groups lists them.',
  },
  ROLE_UNKNOWN: {
    status: 404,
    title: 'Nobody has this role by such a grant',
    hint: 'GET /v1/tenants/{tenant}/roles lists them.',
  },
  CLIENT_UNKNOWN: {
    status: 404,
    title: 'No such machine client',
    hint: 'GET /v1/tenants/{tenant}/clients lists them.',
  },
  WORKSPACE_UNKNOWN: {
    status: 404,
    title: 'No such workspace',
    hint: 'GET /v1/tenants/{tenant}/workspaces lists them.',
  },
  ACTION_UNKNOWN: {
    status: 404,
    title: 'No such action',
    hint: 'Name an action that takes approval, or any for all that have no rule of their own.',
  },
  GROUP_UNKNOWN: {
    status: 404,
    title: 'No such group of approvers',
    hint: 'PUT /v1/tenants/{tenant}/approver-groups/{name} makes one.',
  },
  CHANNEL_UNKNOWN: {
    status: 404,
    title: 'No such notification channel',
    hint: 'GET /v1/tenants/{tenant}/notifications lists them.',
  },
  SIGNING_KEY_UNKNOWN: {
    status: 404,
    title: 'No such signing key',
    hint: 'GET /v1/signing-keys lists them; those of a region GET /v1/regions/{region}/keys.',
  },
  JOB_UNKNOWN: { status: 404, title: 'No such job', hint: 'GET /v1/jobs lists them.' },
  KEY_VERSION_UNKNOWN: {
    status: 404,
    title: 'The region told of no such version of the key',
    hint: 'GET /v1/tenants/{tenant}/inventory shows what it told; it names the youngest versions only.',
  },
  SIMULATION_UNKNOWN: {
    status: 404,
    title: 'No such simulation',
    hint: 'GET /v1/tenants/{tenant}/simulations lists those that are kept.',
  },
  DRILL_UNKNOWN: { status: 404, title: 'No such drill', hint: 'GET /v1/tenants/{tenant}/drills lists them.' },
  ALREADY_EXISTS: {
    status: 409,
    title: 'The name is taken by something different',
    hint: 'Choose another name, or remove the present one first.',
  },
  KEY_FINGERPRINT_TAKEN: {
    status: 409,
    title: 'This certificate key is registered for another identity',
    hint: 'Issue a certificate with a key of its own: one key is one identity.',
  },
  KEY_BELONGS_TO_OTHER_TENANT: {
    status: 409,
    title: 'This key is the L1 of another tenant',
    hint: 'Every tenant needs an L1 key of its own.',
  },
  ALREADY_LINKED: {
    status: 409,
    title: 'Every region is linked to this key',
    hint: 'Nothing to do; GET /v1/tenants/{tenant}/links shows the links.',
  },
  LINK_BUSY: {
    status: 409,
    title: 'A link of this tenant is being made',
    hint: 'Wait until it has ended, or unlink: unlinking always wins.',
  },
  NOT_LINKED: {
    status: 409,
    title: 'The tenant has no link of which this could be done',
    hint: 'GET /v1/tenants/{tenant}/links shows the links.',
  },
  NO_REGIONS: {
    status: 409,
    title: 'There is no region to put this in',
    hint: 'Enrol a region first: POST /v1/regions.',
  },
  PROPOSAL_DECIDED: { status: 409, title: 'The proposal has been decided', hint: 'Make a new proposal.' },
  QUORUM_UNREACHABLE: {
    status: 409,
    title: 'There are not as many approvers as it takes',
    hint: 'Name members as GET /v1/tenants/{tenant}/roles names approvers, such as ISSUER:SUBJECT, or ask for fewer approvals; the proposer does not count.',
  },
  GROUP_IN_USE: {
    status: 409,
    title: 'A rule names this group',
    hint: 'Change the rule first: PUT /v1/tenants/{tenant}/approval-rules/{action}.',
  },
  KEY_SWITCH_NEEDED: {
    status: 409,
    title: 'The keys stand on another L1 key',
    hint: 'Ask again: putting them under another key is a decision of its own, switch-key.',
  },
  JOB_LIVE: {
    status: 409,
    title: 'An earlier job of the same kind is still running',
    hint: 'Wait for it, or cancel it: GET /v1/jobs.',
  },
  JOB_NOT_RETRYABLE: {
    status: 409,
    title: 'The job cannot be retried',
    hint: 'Only failed jobs can be, while what they ask for still stands; destructions and policies are asked for anew.',
  },
  JOB_NOT_CANCELLABLE: {
    status: 409,
    title: 'The job cannot be cancelled',
    hint: 'Ended jobs stay as they are; a revocation runs until every region has reported; a link that is being made is called off by unlinking; what several people decided runs until its deadline, and a policy until the next one.',
  },
  SIGNING_KEY_STATE: {
    status: 409,
    title: 'The state of the signing key does not permit this',
    hint: 'A key is announced, then active, then retiring, then retired for good; names and keys are never used twice.',
  },
  SIGNING_KEY_IN_USE: {
    status: 409,
    title: 'Something has been signed by this key a moment ago',
    hint: 'Try again in ten seconds. If it stays so, some process does not have the file of the new key.',
  },
  SIGNING_KEY_BUSY: {
    status: 409,
    title: 'The region is about to sign by this key',
    hint: 'Wait for the job that the detail names. One that a region does not answer can be cancelled: POST /v1/jobs/{id}/cancel.',
  },
  KEY_NOT_USABLE: {
    status: 409,
    title: 'The keystore says that the key cannot be used',
    hint: 'The detail says why: enable the key at its provider, allow CMK its use, or name one that is there; then try again.',
  },
  INVENTORY_NEEDED: {
    status: 409,
    title: 'Nobody can know what would be destroyed',
    hint: 'POST /v1/tenants/{tenant}/inventories, look at the answer, then try again.',
  },
  KEY_VERSION_STATE: {
    status: 409,
    title: 'A version in this state cannot be destroyed',
    hint: 'Rotate the key first: the active version is in use. What is destroyed stays so.',
  },
  DEPENDENTS_DIFFER: {
    status: 409,
    title: 'Another number of objects depends on the version',
    hint: 'The detail tells how many; name that number if their loss is meant.',
  },
  WORKSPACE_TAKEN: {
    status: 409,
    title: 'The workspace is linked to a tenant',
    hint: 'A workspace belongs to one tenant: have it removed there first.',
  },
  ACCESS_GROUP_IN_USE: {
    status: 409,
    title: 'The group holds a role',
    hint: 'Withdraw the role first: POST /v1/tenants/{tenant}/access-changes.',
  },
  LAST_OF_ITS_ROLE: {
    status: 409,
    title: 'Too few would be left to decide anything',
    hint: 'Grant the role to somebody else first.',
  },
  APPOINTMENT_OVER: {
    status: 409,
    title: 'The tenant decides for itself who belongs to it',
    hint: 'One of its administrators proposes it: POST /v1/tenants/{tenant}/access-changes.',
  },
  TENANT_STATE: {
    status: 409,
    title: 'The state of the tenant does not permit this',
    hint: 'GET /v1/tenants/{tenant} shows its state, and what a change of it waits for.',
  },
  TENANT_NOT_EMPTY: {
    status: 409,
    title: 'The tenant still has applications',
    hint: 'Remove them first: DELETE /v1/tenants/{tenant}/applications/{name}.',
  },
  KEY_CONFIGURATION_EMPTY: {
    status: 409,
    title: 'The key configuration has no primary key',
    hint: 'Register a key with it, or put one into it: PATCH /v1/tenants/{tenant}/key-configurations/{name}.',
  },
  KEY_CONFIGURATION_IN_USE: {
    status: 409,
    title: 'The primary key of the key configuration is in use',
    hint: 'Link the tenant to another key, or its systems to another configuration, first.',
  },
  REVISION_DIFFERS: {
    status: 412,
    title: 'It has changed since it was looked at',
    hint: 'GET it again, and send the ETag of that answer in if-match.',
  },
  IDEMPOTENCY_KEY_BUSY: {
    status: 409,
    title: 'The same request is being carried out',
    hint: 'Send it again with the same key, at the latest after as many seconds as retry-after says.',
  },
  IDEMPOTENT_ANSWER_LOST: {
    status: 409,
    title: 'The request was carried out, and its answer is not there any more',
    hint: 'Do not send it under another key: look at what it made. The audit log has it under that correlation id.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key stands for another request',
    hint: 'Use a fresh key for every request, and the same one only to repeat it unchanged.',
  },
  NOT_A_DRILL_TARGET: {
    status: 409,
    title: 'This may not be cut off by a drill',
    hint: 'Onboard a tenant or add a service for tests, and designate it: POST /v1/tenants/{tenant}/drill-targets.',
  },
  DRILL_TARGET_IN_USE: {
    status: 409,
    title: 'Something may stand on this already',
    hint: 'Only what no application uses, and what was never linked, can become a target of drills: make a new one.',
  },
  DRILL_TARGET: {
    status: 409,
    title: 'Drills may cut this off',
    hint: 'Send drillTarget: true if it is for tests; else withdraw the designation: DELETE /v1/tenants/{tenant}/drill-targets.',
  },
  DRILL_RUNNING: {
    status: 409,
    title: 'A drill of this tenant is running',
    hint: 'Wait for its end, or stop it: POST /v1/tenants/{tenant}/drills/{id}/stop.',
  },
  DRILL_OVER: {
    status: 409,
    title: 'The drill is over, or about to be',
    hint: 'Nothing to do; GET /v1/tenants/{tenant}/drills/{id} shows what was measured.',
  },
  AUDIT_CHAIN_BROKEN: {
    status: 409,
    title: 'The audit chain is not what was written',
    hint: 'Keep the database as it is; okcm audit verify names every event that was changed or removed.',
  },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The request body is too large', hint: 'The limit is 64 KiB.' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body is not JSON',
    hint: 'Send content-type: application/json.',
  },
  KEYSTORE_PATH_REFUSED: {
    status: 422,
    title: 'A keystore may not name this file',
    hint: 'Name an absolute path below "keystoreDirectory" in the configuration of CMK; a PKCS#11 library has to be in its "pkcs11Modules".',
  },
  CHANNEL_REFUSED: {
    status: 422,
    title: 'Notifications may not be sent there',
    hint: 'Name an https address on the public internet; others are allowed by "notifications" in the configuration of CMK.',
  },
  NOTIFICATIONS_OFF: {
    status: 422,
    title: 'This installation sends no such notifications',
    hint: 'Add "notifications" to the configuration of CMK.',
  },
  LIMIT_REACHED: {
    status: 422,
    title: 'A limit of this installation is reached',
    hint: 'The detail names the limit.',
  },
  DRILL_NOT_CONFIRMED: {
    status: 422,
    title: 'Another name was confirmed than the drill would cut off',
    hint: 'Send the name of the target as "confirm": tenant, or tenant/service.',
  },
  TOO_MANY_FAILURES: {
    status: 429,
    title: 'Too many requests came without a valid credential, or for what is not permitted',
    hint: 'Wait as long as retry-after says, then send the right token; GET /v1/me tells what it permits.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something failed inside CMK',
    hint: 'Look for the correlation id in the CMK log.',
  },
  ISSUER_UNAVAILABLE: {
    status: 503,
    title: 'Whoever issued the token does not answer',
    hint: 'Try again in some seconds; the log of CMK says what the provider answered.',
  },
  KEYSTORE_UNAVAILABLE: {
    status: 503,
    title: 'The keystore cannot be reached',
    hint: 'Nothing was changed; try again later.',
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    title: 'The database cannot be reached',
    hint: 'Nothing was changed; try again later.',
  },
  PORTAL_BUSY: {
    status: 429,
    title: 'Too many sessions of the portal are looked up at once',
    hint: 'Try again after as many seconds as retry-after says. It is so when somebody sends cookies that they have made up.',
  },
  AUDIT_BUSY: {
    status: 429,
    title: 'Too many walks along audit chains at once',
    hint: 'Try again after as many seconds as retry-after says; one after the other is soonest done.',
  },
  IMPORT_UNKNOWN: {
    status: 404,
    title: 'No such import is open',
    hint: 'POST /v1/tenants/{tenant}/keys/{alias}/import begins one.',
  },
  IMPORT_EXPIRED: {
    status: 409,
    title: 'The import has expired',
    hint: 'Begin it anew, and wrap the material with the new key.',
  },
  IMPORT_REFUSED: {
    status: 422,
    title: 'The keystore did not take the key material',
    hint: 'Wrap material of the kind that the import names, by its algorithm, with its public key.',
  },
  KEYSTORE_CANNOT: {
    status: 409,
    title: 'Keystores of this kind cannot do that',
    hint: 'Make the key at its provider, and register its reference.',
  },
  POLICY_REFUSED: {
    status: 422,
    title: 'This policy is for development alone',
    hint: 'Leave it out, or onboard the tenant with "four-eyes"; a rule of its own can ask for more.',
  },
  CLIENT_KEY_DIFFERS: {
    status: 409,
    title: 'The client has another key than was proposed',
    hint: 'GET /v1/tenants/{tenant}/clients shows the key that it has now; ask anew.',
  },
  APPROVER_BY_CLAIM: {
    status: 422,
    title: 'An identity provider does not name approvers',
    hint: 'Grant the role to people, or to a group without a claim, whose members are added by proposals.',
  },
} as const satisfies Record<string, { status: number; title: string; hint: string }>;

export type CmkErrorCode = keyof typeof cmkErrors;

export class CmkError extends OkcmError {
  override readonly name = 'CmkError';
  declare readonly code: CmkErrorCode;
  constructor(code: CmkErrorCode, detail: string, options: { cause?: unknown } = {}) {
    super(code, detail, { hint: cmkErrors[code].hint, ...options });
  }
}
