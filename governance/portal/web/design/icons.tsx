/** Line drawings of 20 by 20; always beside words, or inside a control that has a name. */
const PATHS = {
  close: 'M5 5l10 10M15 5L5 15',
  copy: 'M7 7h8v9H7zM5 13H4V4h8v1',
  check: 'M4 10.5l4 4 8-9',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  next: 'M8 4.5l5.5 5.5L8 15.5',
  back: 'M12 4.5L6.5 10l5.5 5.5',
  overview: 'M3 11h5v6H3zM12 3h5v14h-5zM3 3h5v5H3z',
  tenant: 'M4 17V5l6-2.5L16 5v12M8 17v-4h4v4M8 8h.01M12 8h.01',
  key: 'M9.5 10a3.25 3.25 0 1 1-6.5 0 3.25 3.25 0 0 1 6.5 0zM9.5 10H17v3M14 10v2.5',
  approve: 'M4 10.5l4 4 8-9M3 17h14',
  job: 'M4 4h12v4H4zM4 12h12v4H4zM7 6h.01M7 14h.01',
  audit: 'M5 3h8l3 3v11H5zM8 8h5M8 11h5M8 14h3',
  region: 'M10 3a7 7 0 1 0 .01 0M3 10h14M10 3c-4 4-4 10 0 14M10 3c4 4 4 10 0 14',
  drift: 'M3 7h10l-3-3M17 13H7l3 3',
  settings: 'M4 6h8M15 6h1M4 14h1M8 14h8M13.5 4.5v3M6.5 12.5v3',
  signing: 'M4 15c3-8 5-11 6-11s0 6 1 6 1.5-2 2.5-2 .5 3 2.5 3M4 17.5h12',
  link: 'M8.5 11.5l3-3M7 9L5 11a2.8 2.8 0 0 0 4 4l2-2M9 7l2-2a2.8 2.8 0 0 1 4 4l-2 2',
  outage: 'M10 3L2.5 16.5h15zM10 8.5v3.5M10 14.3v.01',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
