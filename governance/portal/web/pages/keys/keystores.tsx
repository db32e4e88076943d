import { Page } from '../../design/page.tsx';
import { KeystoreTable } from './keystore-table.tsx';
import { RegisterKeystore } from './register-keystore.tsx';

export default function Keystores() {
  return (
    <Page
      title="Keystores"
      intro="Where master keys lie that any tenant may be given. A tenant’s own are on its page."
      actions={<RegisterKeystore />}
    >
      <KeystoreTable />
    </Page>
  );
}
