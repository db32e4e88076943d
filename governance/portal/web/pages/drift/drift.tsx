import { Link } from 'wouter';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Filters, useFilter, useFilterOf } from '../../design/filters.tsx';
import { given } from '../../design/form-values.ts';
import { Page, Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';

const CLASSES = ['tenant', 'service', 'key', 'identity', 'issuer'] as const;
const MENDS = ['close', 'revoke', 'provision', 'tell'] as const;
const MEND_WORDS: Readonly<Record<(typeof MENDS)[number], string>> = {
  close: 'closed there',
  revoke: 'revoked there',
  provision: 'made anew there',
  tell: 'yours to decide',
};

export default function Drift() {
  const { operate } = useMay();
  const enabled = operate.allowed;
  const region = useFilter('region');
  const of = useFilterOf('class', CLASSES);
  const mend = useFilterOf('mend', MENDS);
  return (
    <Page
      title="Drift"
      intro="What regions hold against what is wanted there. What a job can put right is put right by itself; the rest waits for you."
    >
      <Section title="Findings">
        <Filters
          of={[
            { name: 'region', label: 'Region' },
            { name: 'class', label: 'About', options: CLASSES },
            {
              name: 'mend',
              label: 'What is done',
              options: MENDS.map((each) => [each, MEND_WORDS[each]] as const),
            },
          ]}
        />
        <ApiTable
          operation="listDrift"
          request={{ query: { ...given('region', region), ...given('class', of), ...given('mend', mend) } }}
          enabled={enabled}
          limit={50}
          label="Findings"
          empty="Nothing differs"
          keyOf={(finding) => `${finding.region}/${finding.class}/${finding.item}/${finding.finding}`}
          columns={[
            { name: 'Finding', cell: ({ finding }) => <code>{finding}</code> },
            { name: 'It means', cell: ({ meaning }) => meaning },
            { name: 'Region', cell: (finding) => finding.region },
            { name: 'Item', cell: ({ item }) => item },
            {
              name: 'What is done',
              cell: ({ mend: how, givenUp, job }) => (
                <span className="row">
                  <Badge state={MEND_WORDS[how]} tone={how === 'tell' ? 'warn' : 'busy'} />
                  {givenUp && (
                    <Badge
                      state="given up"
                      tone="bad"
                      tip="Mended as often as is tried: somebody has to look"
                    />
                  )}
                  {job !== null && <Link href={`/jobs/${job}`}>Job</Link>}
                </span>
              ),
            },
            { name: 'Wanted', cell: ({ wanted }) => wanted ?? '–' },
            { name: 'Told', cell: ({ told }) => told ?? '–' },
            { name: 'Found', cell: ({ foundAt }) => <Time at={foundAt} /> },
            { name: 'Seen', cell: ({ seenAt }) => <Time at={seenAt} /> },
          ]}
        />
      </Section>
      <Section title="Compared" intro="How much of what each region holds was compared, and agrees.">
        <ApiTable
          operation="listDriftRegions"
          request={{}}
          enabled={enabled}
          label="Compared regions"
          empty="No region has told what it holds yet"
          keyOf={(row) => row.region}
          columns={[
            { name: 'Region', cell: (row) => row.region },
            {
              name: 'Pages agree',
              cell: ({ pages, agreeing }) => (
                <Badge state={`${agreeing} of ${pages}`} tone={agreeing === pages ? 'ok' : 'warn'} />
              ),
            },
            { name: 'Items', figures: true, cell: ({ items }) => items.toLocaleString('en') },
            { name: 'Oldest told', cell: ({ oldestTold }) => <Time at={oldestTold} none="never" /> },
            { name: 'Findings', figures: true, cell: ({ findings }) => findings },
          ]}
        />
      </Section>
    </Page>
  );
}
