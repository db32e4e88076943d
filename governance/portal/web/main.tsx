/** The portal of CMK. What it shows comes from the REST API; what it may do, CMK decides at each request. */
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { I18nProvider } from 'react-aria-components/I18nProvider';
import { createRoot } from 'react-dom/client';
import { Router } from 'wouter';
import { createQueryClient } from './api/hooks.ts';
import { App } from './shell/app.tsx';
import './design/tokens.css';
import './design/base.css';
import './design/shell.css';
import './design/controls.css';
import './design/content.css';
import './design/table.css';
import './design/pictures.css';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');

createRoot(root).render(
  <StrictMode>
    {/* The language of the words, which are not translated. */}
    <I18nProvider locale="en-US">
      <QueryClientProvider client={createQueryClient()}>
        <Router base="/portal">
          <App />
        </Router>
      </QueryClientProvider>
    </I18nProvider>
  </StrictMode>,
);
