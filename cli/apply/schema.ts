/** The JSON Schema of declarations, for editors: the very schemas that validate them, one of which a document follows. */
import { schemas } from './kinds.ts';
import { kinds } from './things.ts';

const ID = 'urn:openkcm:declarations:v1';

/** As `okcm apply --schema` prints it, and as docs/reference/declarations.schema.json holds it. */
export function declarationsSchema(): string {
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: ID,
    title: 'OpenKCM declarations',
    description: 'One document of a file that `okcm apply` reads',
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    oneOf: kinds.map((kind) => ({ $ref: `#/$defs/${kind}` })),
    $defs: Object.fromEntries(kinds.map((kind) => [kind, schemas[kind]])),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
