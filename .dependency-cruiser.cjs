// The walls of the house. `governance` and `execution` are strangers; inside `execution`, the gateway
// and the core meet only through the rooms they share.
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'planes-are-strangers',
      comment: 'split record: no component bypasses the message broker for cross-plane communication',
      severity: 'error',
      from: { path: '^governance/' },
      to: { path: '^execution/' },
    },
    {
      name: 'planes-are-strangers-back',
      severity: 'error',
      from: { path: '^execution/' },
      to: { path: '^governance/' },
    },
    {
      name: 'gateway-knows-no-core',
      severity: 'error',
      from: { path: '^execution/gateway/' },
      to: { path: '^execution/(core|keychain)/' },
    },
    {
      name: 'core-knows-no-gateway',
      severity: 'error',
      from: { path: '^execution/(core|keychain)/' },
      to: { path: '^execution/gateway/' },
    },
    {
      name: 'kmip-stands-alone',
      severity: 'error',
      from: { path: '^execution/kmip/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^(execution/kmip/|node:)', dependencyTypesNot: ['core'] },
    },
    {
      name: 'sdk-is-light',
      comment: 'applications load it: no server, no native library, nothing to install',
      severity: 'error',
      from: { path: '^execution/sdk/', pathNot: '\\.test\\.ts$' },
      to: {
        pathNot: '^(execution/(kmip|routing|sdk)/|node:|node_modules/@opentelemetry/api/)',
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'servers-use-no-sdk',
      comment: 'what retries and fails over by itself has no place between gateway and core',
      severity: 'error',
      from: { path: '^(platform|contracts|orbital|governance|execution)/', pathNot: '^execution/sdk/' },
      to: { path: '^execution/sdk/' },
    },
    {
      name: 'platform-has-no-domain',
      severity: 'error',
      from: { path: '^platform/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(contracts|orbital|governance|execution|cli|suites|testkit|bench)/' },
    },
    {
      name: 'contracts-depend-on-nothing-of-ours',
      severity: 'error',
      from: { path: '^contracts/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(platform|orbital|governance|execution|cli|suites|testkit|bench)/' },
    },
    {
      name: 'orbital-knows-no-plane',
      severity: 'error',
      from: { path: '^orbital/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(governance|execution|cli|suites|testkit|bench)/' },
    },
    {
      name: 'production-code-uses-no-testkit',
      severity: 'error',
      from: { path: '^(platform|contracts|orbital|governance|execution|cli)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^(testkit|suites|bench)/' },
    },
    {
      name: 'testkit-serves-suites-and-benches',
      comment: 'what both need lies in testkit/, so that neither has to know the other',
      severity: 'error',
      from: { path: '^(testkit|bench)/' },
      to: { path: '^suites/' },
    },
    {
      name: 'benches-serve-nobody',
      severity: 'error',
      from: { path: '^(testkit|suites)/' },
      to: { path: '^bench/' },
    },
    {
      name: 'the-page-stands-alone',
      comment:
        'it runs in browsers: of governance it knows the REST API as its client has it, and of libraries those that draw',
      severity: 'error',
      from: { path: '^governance/portal/web/', pathNot: '\\.test\\.ts$' },
      to: {
        pathNot:
          '^(governance/portal/web/|governance/client/(problem|(operations|types)\\.gen)\\.ts$|node_modules/(react|react-dom|react-aria-components|@types/react|@types/react-dom|@tanstack/react-query|wouter)/)',
      },
    },
    {
      name: 'nobody-imports-the-page',
      comment: 'it is built (scripts/build-portal.ts) and served as files',
      severity: 'error',
      from: { pathNot: '^governance/portal/web/' },
      to: { path: '^governance/portal/web/' },
    },
    {
      name: 'only-keystores-speak-to-a-kms',
      comment: 'separation record: the execution plane never communicates with external KMS/HSM providers',
      severity: 'error',
      from: { pathNot: '^governance/keystores/' },
      to: { path: 'node_modules/(@aws-sdk|@azure|@google-cloud)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Clients of others are installed apart, and only where their suite runs.
    exclude: { path: '^(\\.build|\\.okcm|suites/interop/mongodb)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.json'],
    },
  },
};
