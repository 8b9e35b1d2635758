/** The mark and the name. */
import { useTranslation } from 'react-i18next'

/** Four blocks of a grid, the same drawing as public/favicon.svg. */
export function Mark({ size }: { size: 'small' | 'large' }) {
  return (
    <svg className={`wg-mark wg-mark-${size}`} viewBox="0 0 32 32" aria-hidden="true">
      <rect className="wg-mark-ground" width="32" height="32" rx="6" />
      <path className="wg-mark-quiet" d="M6 6h8v9H6zM17 15h9v11h-9z" />
      <path className="wg-mark-clear" d="M17 6h9v6h-9zM6 18h8v8H6z" />
    </svg>
  )
}

/** Mark and name in one line. */
export function Brand() {
  const { t } = useTranslation()
  return (
    <span className="wg-brand">
      <Mark size="small" />
      <span className="wg-brand-name">{t('brand.name')}</span>
      <span className="wg-brand-line">{t('brand.line')}</span>
    </span>
  )
}
