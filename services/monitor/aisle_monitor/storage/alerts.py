"""Alerts, policies and drift reports in the database."""

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from aisle_monitor.domain.alerts import Alert, AlertKind, Policy
from aisle_monitor.domain.reports import DriftReport, report_from_json, report_json
from aisle_monitor.storage.tables import alerts, drift_reports, policies


def add_alert(conn: Connection, alert: Alert) -> bool:
    """Store an alert; False, and nothing stored, when its key has been raised before."""
    if has_alert(conn, alert.key):
        return False
    values = {**asdict(alert), "id": _id(alert.name), "kind": alert.kind.value}
    del values["name"]
    conn.execute(insert(alerts).values(values))
    return True


def has_alert(conn: Connection, key: str) -> bool:
    """Say whether an alert with that key is stored."""
    return conn.execute(select(alerts.c.id).where(alerts.c.key == key)).first() is not None


def set_alert_run(conn: Connection, name: str, pipeline_run: str) -> None:
    """Note the run that a policy started because of an alert."""
    conn.execute(update(alerts).where(alerts.c.id == _id(name)).values(pipeline_run=pipeline_run))


def get_alert(conn: Connection, name: str) -> Alert | None:
    """Return the alert `alerts/{alert}`, or None."""
    row = conn.execute(select(alerts).where(alerts.c.id == _id(name))).one_or_none()
    return None if row is None else _alert(row)


def list_alerts(conn: Connection, kind: AlertKind | None, before: str, limit: int) -> list[Alert]:
    """Return alerts, newest first, older than the id `before`."""
    query = select(alerts).order_by(alerts.c.id.desc()).limit(limit)
    if kind is not None:
        query = query.where(alerts.c.kind == kind.value)
    if before:
        query = query.where(alerts.c.id < before)
    return [_alert(row) for row in conn.execute(query)]


def add_policy(conn: Connection, policy: Policy) -> None:
    """Store a new policy."""
    values = {**asdict(policy), "id": _id(policy.name), "alert_kind": policy.alert_kind.value}
    del values["name"]
    conn.execute(insert(policies).values(values))


def get_policy(conn: Connection, name: str) -> Policy | None:
    """Return the policy `policies/{policy}`, or None."""
    row = conn.execute(select(policies).where(policies.c.id == _id(name))).one_or_none()
    return None if row is None else _policy(row)


def list_policies(conn: Connection, after: str, limit: int) -> list[Policy]:
    """Return policies by id, those after the id `after`."""
    query = select(policies).where(policies.c.id > after).order_by(policies.c.id).limit(limit)
    return [_policy(row) for row in conn.execute(query)]


def policies_for(conn: Connection, kind: AlertKind) -> list[Policy]:
    """Return every policy that answers alerts of `kind`."""
    return [_policy(row) for row in conn.execute(select(policies).where(policies.c.alert_kind == kind.value))]


def note_policy_run(conn: Connection, name: str, time: float) -> None:
    """Note when a policy last started a run."""
    conn.execute(update(policies).where(policies.c.id == _id(name)).values(last_run_time=time))


def add_report(conn: Connection, report: DriftReport) -> None:
    """Store a drift report."""
    conn.execute(
        insert(drift_reports).values(id=_id(report.name), body=report_json(report), create_time=report.create_time)
    )


def get_report(conn: Connection, name: str) -> DriftReport | None:
    """Return the report `driftReports/{report}`, or None."""
    row = conn.execute(select(drift_reports.c.body).where(drift_reports.c.id == _id(name))).one_or_none()
    return None if row is None else report_from_json(row.body)


def list_reports(conn: Connection, before: str, limit: int) -> list[DriftReport]:
    """Return reports, newest first, older than the id `before`."""
    query = select(drift_reports.c.body).order_by(drift_reports.c.id.desc()).limit(limit)
    if before:
        query = query.where(drift_reports.c.id < before)
    return [report_from_json(row.body) for row in conn.execute(query)]


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _alert(row: Row[Any]) -> Alert:
    values = dict(row._mapping)
    name = f"alerts/{values.pop('id')}"
    return replace(Alert(name=name, **values), kind=AlertKind(values["kind"]))


def _policy(row: Row[Any]) -> Policy:
    values = dict(row._mapping)
    name = f"policies/{values.pop('id')}"
    return replace(Policy(name=name, **values), alert_kind=AlertKind(values["alert_kind"]))
