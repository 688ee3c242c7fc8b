import { useState } from 'preact/hooks';
import { type Theme, storeTheme, storedTheme } from '../storage';
import { applyTheme } from '../theme';
import { CloseIcon, ThemeIcon } from './icons';
import { usePage } from './page';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

/** Whose page it is, and what is set for the page as a whole. */
export function Header({ close }: { close: () => void }) {
  const { configuration, texts, embedded } = usePage();
  return (
    <header class="top">
      <p class="brand configured">
        <img src={configuration.logo ?? 'icon.svg'} alt="" height="32" />
        <span>{configuration.name}</span>
      </p>
      <ThemeSwitch />
      {embedded && (
        <button id="close" class="quiet square" type="button" aria-label={texts('page.close')} onClick={close}>
          <CloseIcon />
        </button>
      )}
    </header>
  );
}

function ThemeSwitch() {
  const { texts } = usePage();
  const [theme, setTheme] = useState(storedTheme);
  const choose = (chosen: Theme) => {
    setTheme(chosen);
    storeTheme(chosen);
    applyTheme(chosen);
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
