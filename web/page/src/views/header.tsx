import { useState } from 'preact/hooks';
import { type Theme, storedTheme } from '../storage';
import { CloseIcon, ThemeIcon } from './icons';
import { usePage } from './page';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

/** Whose page it is, and what is set for the page as a whole. */
export function Header({ onTheme, close }: { onTheme: (theme: Theme) => void; close: () => void }) {
  const { configuration, texts, embedded } = usePage();
  return (
    <header class="top">
      <p class="brand configured">
        <img src={configuration.logo ?? 'icon.svg'} alt="" height="32" />
        <span>{configuration.name}</span>
      </p>
      <ThemeSwitch onTheme={onTheme} />
      {embedded && (
        <button id="close" class="quiet square" type="button" aria-label={texts('page.close')} onClick={close}>
          <CloseIcon />
        </button>
      )}
    </header>
  );
}

function ThemeSwitch({ onTheme }: { onTheme: (theme: Theme) => void }) {
  const { texts } = usePage();
  const [theme, setTheme] = useState(storedTheme);
  const choose = (chosen: Theme) => {
    setTheme(chosen);
    onTheme(chosen);
  };
  return (
    <label class="theme">
      <span class="unseen">{texts('page.colours')}</span>
      <ThemeIcon />
      <select
        id="theme"
        value={theme}
        onChange={({ currentTarget }) => choose(THEMES[currentTarget.selectedIndex] ?? 'system')}
      >
        {THEMES.map((each) => (
          <option key={each} value={each}>
            {texts(`page.colours.${each}`)}
          </option>
        ))}
      </select>
    </label>
  );
}
