import { useState } from 'react';
import type { GetTenantKeyImportResponse } from '../../../../client/types.gen.ts';
import { useChange } from '../../api/hooks.ts';
import { Button } from '../../design/button.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Facts } from '../../design/page.tsx';
import { Notice, ProblemBox } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import type { MasterKey } from './wizard-parts.tsx';

const MATERIAL: Readonly<Record<GetTenantKeyImportResponse['material'], string>> = {
  AES_256: '32 random bytes',
  RSA_PKCS8: 'an RSA private key, PKCS#8 in DER',
};
const ALGORITHM: Readonly<Record<GetTenantKeyImportResponse['algorithm'], string>> = {
  RSA_AES_KEY_WRAP_SHA_256:
    'a fresh AES-256 key by RSA-OAEP with SHA-256, then the material by it (RFC 5649)',
  RSA_AES_KEY_WRAP_SHA_1: 'a fresh AES-256 key by RSA-OAEP with SHA-1, then the material by it (RFC 5649)',
  RSAES_OAEP_SHA_256: 'the material by RSA-OAEP with SHA-256',
};
/** As the API has it, plenty for an RSA key. */
const MAX_WRAPPED_BYTES = 16 * 1024;

interface WrapProps {
  readonly begun: GetTenantKeyImportResponse;
  readonly onDone: () => void;
}

export function WrapStep({ begun, onDone }: WrapProps) {
  const { alias, algorithm, material, publicKey, expiresAt } = begun;
  const fileName = `${alias}-wrap.pem`;
  const command = `okcm key wrap --public-key ${fileName} --algorithm ${algorithm} --material key.bin --out wrapped.bin`;
  return (
    <>
      <Facts
        of={[
          ['Material', MATERIAL[material]],
          ['Wrapped by', `${algorithm}: ${ALGORITHM[algorithm]}`],
          ['Until', <Time key="until" at={expiresAt} />],
        ]}
      />
      <p>
        <a
          className="button"
          href={`data:application/x-pem-file;charset=utf-8,${encodeURIComponent(publicKey)}`}
          download={fileName}
        >
          Save the public key as {fileName}
        </a>
      </p>
      <details className="disclosure">
        <summary>Show the public key</summary>
        <pre>{publicKey}</pre>
      </details>
      <p>
        Take it to the machine with the material, which needs no network, and wrap it there; or let an HSM do
        it:
      </p>
      <pre>{command}</pre>
      <p>
        <Copyable value={command} name="command" short />
      </p>
      <div className="form-actions">
        <Button tone="main" onPress={onDone}>
          I have the wrapped file
        </Button>
      </div>
    </>
  );
}

interface UploadProps {
  readonly tenant: string;
  readonly begun: GetTenantKeyImportResponse;
  readonly onBack: () => void;
  readonly onDone: (masterKey: MasterKey) => void;
}

export function UploadStep({ tenant, begun, onBack, onDone }: UploadProps) {
  const [file, setFile] = useState<File>();
  const upload = useChange('setTenantKeyImport', {
    quiet: true,
    done: 'The keystore has taken the key',
    onDone,
  });
  const problem = file === undefined ? undefined : problemWith(file, begun);
  const send = async () => {
    if (file === undefined) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    upload.mutate({ path: { tenant, alias: begun.alias }, body: { wrapped: base64Of(bytes) } });
  };
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        void send().catch(() => setFile(undefined));
      }}
    >
      <div className="field">
        <label htmlFor="wrapped">Wrapped material</label>
        <input id="wrapped" type="file" required onChange={({ target }) => setFile(target.files?.[0])} />
        <p className="field-hint">The output of the step before, wrapped.bin. Never the material itself.</p>
      </div>
      {problem !== undefined && (
        <Notice tone="bad">
          <p role="alert">{problem}</p>
        </Notice>
      )}
      {upload.error !== null && <ProblemBox error={upload.error} />}
      <div className="form-actions">
        <Button onPress={onBack}>Back</Button>
        <Button
          type="submit"
          tone="main"
          busy={upload.isPending}
          denied={file === undefined ? 'Choose the wrapped file first' : problem}
        >
          Upload
        </Button>
      </div>
    </form>
  );
}

/** Bare material is caught here, before it goes anywhere. */
function problemWith({ name, size }: File, { material }: GetTenantKeyImportResponse): string | undefined {
  if (material === 'AES_256' && size === 32)
    return `${name} has 32 bytes: that is the bare material. Wrap it first`;
  if (size === 0) return `${name} is empty`;
  if (size > MAX_WRAPPED_BYTES) return `${name} is too large to be a wrapped key`;
  return undefined;
}

const base64Of = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
