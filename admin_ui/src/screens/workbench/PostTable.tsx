/** The caller's posts as a plain table. */
import { useTranslation } from 'react-i18next'
import { formatDate } from '../../kit/format'
import { Empty } from '../../kit/States'
import type { Post } from '../../schema/me'

/** `null` means that the schema does not tell; an empty list, that there is none. */
export function PostTable({ posts }: { posts: readonly Post[] | null }) {
  const { t } = useTranslation()
  if (posts === null) return <p className="wg-panel-text">{t('workbench.postsUnknown')}</p>
  if (posts.length === 0) return <Empty title={t('workbench.noPosts')}>{t('workbench.noPostsHelp')}</Empty>
  return (
    <div className="wg-scroll" tabIndex={0} role="group" aria-label={t('workbench.me')}>
      <table className="wg-table">
        <thead>
          <tr>
            <th scope="col">{t('workbench.role')}</th>
            <th scope="col">{t('workbench.unit')}</th>
            <th scope="col">{t('workbench.area')}</th>
            <th scope="col">{t('workbench.until')}</th>
          </tr>
        </thead>
        <tbody>
          {posts.map((post, index) => (
            <tr key={`${post.role?.id}/${post.unit?.id}/${post.area?.id}/${index}`}>
              <td>{post.role?.label ?? post.role?.id ?? '-'}</td>
              <td>{post.unit?.name ?? '-'}</td>
              <td>
                {post.area?.name ?? '-'}
                {post.area?.code ? <span className="wg-code">{post.area.code}</span> : null}
              </td>
              <td className="wg-figures">{post.validUntil ? formatDate(post.validUntil) : t('workbench.unlimited')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
