/** The sections of the reference, each from the tables of the code. */

import { servedCryptography } from '../../execution/cipher/index.ts';
import * as cipherLimits from '../../execution/cipher/limits.ts';
import * as coreLimits from '../../execution/core/limits.ts';
import * as gatewayLimits from '../../execution/gateway/limits.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  DigitalSignatureAlgorithm,
  enumName,
  HashingAlgorithm,
  MAX_BATCH_ITEMS,
  ObjectType,
  Operation,
  OperationV2,
  operationName,
  operationSince,
  PaddingMethod,
} from '../../execution/kmip/index.ts';
import * as attributeLimits from '../../execution/objects/attribute-limits.ts';
import {
  type AttributeRule,
  type Permission,
  quietlyServed,
  ruledNames,
  ruleOf,
  servedOperations,
  symmetricKeyLengths,
} from '../../execution/objects/index.ts';
import { levels, routeOf } from '../../execution/routing/index.ts';
import { comparisons, variationNames, variations } from '../conformance/variations.ts';
import { limitsOf } from './limits.ts';
import { code, markdownTable, some } from './markdown.ts';
import type { OwnCase, TestFiles } from './tests.ts';

const SHOWN_CASES = 6;
const SHOWN_FILES = 4;

export function operationsSection(cases: readonly OwnCase[], files: TestFiles): string {
  const served = new Set([...servedOperations, ...quietlyServed]);
  const all = [...Object.values<number>(Operation), ...quietlyServed];
  const rows = all.map((operation) => [
    operationName(operation),
    sinceText(operation),
    served.has(operation) ? whereText(operation) : 'not served',
    some(
      casesWith(cases, ({ operations }) => operations.has(operationName(operation))),
      SHOWN_CASES,
    ),
    some(files.ofOperation(operation).map(code), SHOWN_FILES),
  ]);
  return [
    'Put and Notify are operations from a server to a client; applications do not send them. What a version does not know is answered with *Operation Not Supported* to its clients.',
    markdownTable(['operation', 'since', 'runs at', 'conformance cases', 'test files'], rows),
  ].join('\n\n');
}

function sinceText(operation: number): string {
  if (Object.values<number>(OperationV2).includes(operation)) return '2.0';
  const since = operationSince(operation);
  return since === undefined ? '–' : `1.${since}`;
}

/** The routing table in words: where it runs for each kind of thing that it may concern. */
function whereText(operation: number): string {
  const local = levels.filter((level) => routeOf(operation, level) === 'local');
  const refused = levels.filter((level) => routeOf(operation, level) === 'refuse');
  const not = refused.length === 0 ? '' : `; refused for ${refused.join(', ')}`;
  if (local.length === levels.length) return 'gateway';
  return local.length === 0 ? `core${not}` : `gateway for ${local.join(', ')}; else core${not}`;
}

export function attributesSection(cases: readonly OwnCase[], files: TestFiles): string {
  const rows = [...ruledNames, 'x-', 'y-'].map((name) => {
    const rule = ruleOf(name);
    return [
      name.length > 2 ? name : `custom, ${code(`${name}…`)}`,
      rule.clause,
      `1.${rule.since}${rule.deprecatedSince === undefined ? '' : `, deprecated since 1.${rule.deprecatedSince}`}`,
      rule.always ? 'always' : 'may be',
      rule.firstSetBy,
      yesOrNo(rule.atCreation),
      permissionText(rule.clientModifies),
      permissionText(rule.deletable),
      rule.multiple ? 'many' : 'one',
      objectTypesText(rule),
      some(
        casesWith(cases, ({ attributes }) => namesAttribute(attributes, name)),
        SHOWN_CASES,
      ),
      some(files.ofAttribute(name).map(code), SHOWN_FILES),
    ];
  });
  return markdownTable(
    [
      'attribute',
      '§',
      'since',
      'has a value',
      'first set by',
      'in templates',
      'client modifies',
      'client deletes',
      'instances',
      'of',
      'conformance cases',
      'test files',
    ],
    rows,
  );
}

function namesAttribute(attributes: ReadonlySet<string>, name: string): boolean {
  return name.length > 2 ? attributes.has(name) : [...attributes].some((one) => one.startsWith(name));
}

const yesOrNo = (value: boolean): string => (value ? 'yes' : 'no');

function permissionText(permission: Permission): string {
  return typeof permission === 'boolean' ? yesOrNo(permission) : 'in some states';
}

function objectTypesText({ appliesTo }: AttributeRule): string {
  const all = Object.values<number>(ObjectType);
  const missing = all.filter((type) => !appliesTo.has(type));
  if (missing.length === 0) return 'all objects';
  const name = (type: number): string => enumName(ObjectType, type);
  return missing.length < appliesTo.size
    ? `all but ${missing.map(name).join(', ')}`
    : [...appliesTo]
        .sort((a, b) => a - b)
        .map(name)
        .join(', ');
}

function casesWith(cases: readonly OwnCase[], has: (one: OwnCase) => boolean): string[] {
  return cases.filter(has).map(({ name }) => name);
}

export function algorithmsSection(): string {
  const { weak, ...served } = servedCryptography;
  const names = (
    table: Readonly<Record<string, number>>,
    values: readonly number[],
    flagged: readonly number[] = [],
  ) =>
    values.map((value) => `${enumName(table, value)}${flagged.includes(value) ? ' (weak)' : ''}`).join(', ');
  const rows: [string, string][] = [
    ...served.ciphers.map(({ cryptographicAlgorithm, blockCipherModes, isWeak }): [string, string] => [
      `${enumName(CryptographicAlgorithm, cryptographicAlgorithm)}${isWeak ? ' (weak)' : ''}: Encrypt, Decrypt`,
      blockCipherModes.length === 0 ? 'a stream' : names(BlockCipherMode, blockCipherModes),
    ]),
    ['paddings of block modes', names(PaddingMethod, served.blockPaddings)],
    ['RSA encryption', names(PaddingMethod, served.rsaEncryptionPaddings)],
    ['RSA signatures', names(PaddingMethod, served.rsaSignaturePaddings)],
    ['signature algorithms', names(DigitalSignatureAlgorithm, served.signatureAlgorithms)],
    [
      'MAC',
      `${names(CryptographicAlgorithm, served.hmacs, weak.hmacs)}, ${names(BlockCipherMode, served.macModes, weak.macModes)}`,
    ],
    ['Hash', names(HashingAlgorithm, served.hashes, weak.hashes)],
    ...Object.entries(symmetricKeyLengths).map(([algorithm, lengths]): [string, string] => [
      `Create ${enumName(CryptographicAlgorithm, Number(algorithm))}`,
      `${lengths.join(', ')} bits`,
    ]),
  ];
  return [
    'What is marked as weak is served only where the configuration allows it.',
    markdownTable(['what', 'which'], rows),
  ].join('\n\n');
}

const limitModules = [
  ['execution/objects/attribute-limits.ts', attributeLimits],
  ['execution/cipher/limits.ts', cipherLimits],
  ['execution/gateway/limits.ts', gatewayLimits],
  ['execution/core/limits.ts', coreLimits],
] as const;

export function limitsSection(): string {
  const tables = limitModules.map(([path, values]) => {
    const rows = limitsOf(path, values).map(({ name, value, about }) => [
      code(name),
      numberText(value),
      about,
    ]);
    return [`### ${path}`, markdownTable(['limit', 'value', 'what it bounds'], rows)].join('\n\n');
  });
  return [`A message has at most ${MAX_BATCH_ITEMS} batch items.`, ...tables].join('\n\n');
}

function numberText(value: number): string {
  return value.toLocaleString('en-US');
}

export function casesSection(cases: readonly OwnCase[]): string {
  return markdownTable(
    ['case', 'what it shows', 'operations'],
    cases.map(({ name, about, operations }) => [name, about, [...operations].sort().join(', ')]),
  );
}

export function variationsSection(): string {
  return [
    'In every case:',
    Object.values(comparisons)
      .map((text) => `- ${text}`)
      .join('\n'),
    'Where an answer differs from the expected one, these variations are permitted and named in the report of the run; everything else is a failure:',
    markdownTable(
      ['variation', 'what may vary'],
      variationNames.map((name) => [name, variations[name].about]),
    ),
    'The cases `CS-RNG-O-1` to `-4` contradict each other on purpose. RNG Seed is answered as `CS-RNG-O-3` has it: the seed is not used, since one tenant must not reach the generator of another, and Data Length is 0.',
  ].join('\n\n');
}
