//! `docs/sql.md`, the page for analysts, is true: every example runs, every column is named, nothing hidden is shown.

use crate::areas::sql_views;
use testkit::{TestDatabase, tenant_id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_for_analysts_is_true() {
    let page = include_str!("../../../../docs/sql.md");
    let database = TestDatabase::start().await;
    let mut admin = database.connect().await;
    let (tenant, views) = (tenant_id(1), sql_views().unwrap());
    ledger::admin::ensure_roles(&admin).await.unwrap();
    ledger::admin::migrate(&mut admin).await.unwrap();
    let work = platform::database::store::begin_as_owner(&mut admin).await.unwrap();
    ledger::admin::open_books(&work, tenant, &views).await.unwrap();
    work.commit().await.unwrap();
    let analyst = database.pool(platform::database::store::ANALYST_ROLE, 1).get().await.unwrap();
    analyst.batch_execute(&format!("SET search_path = {}, ledger", tenant.schema())).await.unwrap();
    let mut examples = 0;
    for block in page.split("```sql\n").skip(1) {
        let sql = block.split("```").next().unwrap();
        analyst.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        examples += 1;
    }
    assert!(examples >= 10);
    for view in views {
        let row = format!("| `{}` |", view.name);
        let row = page.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {row}"));
        for column in view.columns {
            assert!(row.contains(&format!("`{}`", column.name)), "{row} lacks {}", column.name);
        }
    }
}
