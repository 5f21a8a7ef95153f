"""Every setting has a test in which another value makes a difference, and a line in `.env.example`."""

import ast
from pathlib import Path

import pytest

from aurora.settings import PROVIDERS, Settings, load_settings

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

EFFECTS = {
    "aurora_mode": "test_live_mode_needs_a_key_of_its_own_where_emulated_mode_does_not",
    "host": "test_the_server_listens_on_the_host",
    "port": "test_the_server_listens_on_the_port_and_says_when_it_is_taken",
    "compat_port": "test_the_server_listens_on_the_compat_port_too_while_it_is_free",
    "log_level": "test_lines_below_the_log_level_are_not_written",
    "database_url": "test_the_database_url_says_whose_records_these_are",
    "emulator_url": "test_the_emulator_url_says_where_the_emulated_market_is",
    "aurora_admin_key": "test_the_admin_key_opens_what_another_key_does_not",
    "secret_key": "test_a_workload_is_opened_only_with_the_secret_key_it_was_stored_with",
    "secret_key_previous": "test_the_previous_secret_key_still_opens_what_it_sealed",
    "inbound_rate_limit": "test_a_tenant_may_ask_as_often_as_the_inbound_rate_limit_says",
    "installation_id": "test_the_installation_id_is_part_of_every_name",
    "alert_webhook_url": "test_alerts_are_posted_to_the_webhook_whose_address_is_never_written_anywhere",
    "alert_webhook_secret": "test_with_a_secret_each_alert_is_signed",
    "otel_exporter_otlp_endpoint": "test_traces_go_to_the_endpoint_of_the_collector",
    "drain_timeout": "test_requests_under_way_get_the_drain_timeout_and_no_longer",
    "config_dir": "test_the_config_dir_says_where_the_users_files_are",
    "provider_circuit_breaker_threshold": "test_the_circuit_opens_after_so_many_failures_in_a_row",
    "provider_circuit_breaker_timeout": "test_an_open_circuit_stays_open_for_so_many_seconds",
    "provider_circuit_breaker_half_open_max_calls": "test_a_half_open_circuit_lets_so_many_probes_through_at_once",
    "provider_rate_limiter_enabled": "test_the_limiter_holds_calls_back_only_where_it_is_enabled",
    "provider_cache_enabled": "test_offers_are_read_from_the_cache_only_where_it_is_enabled",
    "provider_cache_ttl": "test_without_experience_an_answer_lives_for_the_ttl",
    "provider_cache_max_ttl": "test_answers_of_a_market_that_is_well_live_for_the_longest_ttl",
    "provider_cache_min_ttl": "test_answers_of_a_market_that_is_unwell_live_for_the_shortest_ttl",
    "provider_max_retries": "test_a_failed_read_is_repeated_so_many_times",
    "provider_retry_base_delay": "test_repeats_wait_the_base_delay_and_twice_as_long_each_time",
    "provider_retry_max_delay": "test_no_repeat_waits_longer_than_the_maximum_delay",
    "provider_retry_jitter": "test_jitter_lengthens_a_delay_by_at_most_so_many_seconds",
    "provider_sync_interval": "test_a_market_without_an_interval_of_its_own_is_read_at_the_common_one",
    "provider_max_rows": "test_a_market_is_read_up_to_so_many_rows",
    "offer_max_age": "test_offers_older_than_the_maximum_age_are_stale",
    "reconcile_interval": "test_the_reconciler_looks_for_due_work_every_so_many_seconds",
    "sweep_interval": "test_the_sweep_reads_a_markets_list_every_so_many_seconds",
    "start_timeout": "test_an_instance_that_does_not_start_in_time_is_replaced",
    "akash_api_key": "test_without_akashs_key_its_offers_are_read_and_nothing_is_deployed",
    "akash_base_url": "test_each_of_akashs_addresses_is_checked_and_used",
    "akash_rpc_url": "test_each_of_akashs_addresses_is_checked_and_used",
    "akash_proxy_url": "test_each_of_akashs_addresses_is_checked_and_used",
    "ionet_api_key": "test_ionet_api_key_is_what_io_net_accepts_or_refuses",
    "ionet_base_url": "test_ionet_base_url_is_used_and_corrected",
    "ionet_refund_rule": "test_the_refund_rule_says_what_an_early_end_at_io_net_costs",
    "ionet_billing_model": "test_the_billing_model_is_sent_to_io_net_only_where_it_is_set",
    "salad_price_of": "test_the_price_of_a_class_is_for_all_of_its_gpus_or_for_each",
    "salad_api_key": "test_salad_api_key_is_what_salad_accepts_or_refuses",
    "salad_base_url": "test_salad_base_url_is_used_and_corrected",
    "salad_organization": "test_salad_organization_and_project_say_whose_groups_these_are",
    "salad_project": "test_salad_organization_and_project_say_whose_groups_these_are",
    "render_api_key": "test_with_its_secret_key_render_is_dispersed",
    "render_secret_key": "test_with_its_secret_key_render_is_dispersed",
    "render_base_url": "test_a_gateway_has_to_be_named_before_its_market_is_used",
    "aethir_api_key": "test_a_gateway_accepts_or_refuses_the_key",
    "aethir_base_url": "test_a_gateway_has_to_be_named_before_its_market_is_used",
    "flux_api_key": "test_a_gateway_accepts_or_refuses_the_key",
    "flux_base_url": "test_a_gateway_has_to_be_named_before_its_market_is_used",
    "vastai_api_key": "test_the_key_is_what_the_market_accepts_or_refuses",
    "vastai_base_url": "test_the_base_url_of_a_market_goes_before_the_emulator_url",
    "vastai_enabled": "test_a_market_that_is_switched_off_is_not_routed_to",
    "vastai_sync_interval": "test_a_market_is_read_again_after_its_own_interval",
}
OF_EACH_MARKET = {
    "rate_limit": "test_a_market_is_asked_so_many_times_a_minute",
    "timeout": "test_an_attempt_is_given_up_after_the_timeout",
    "enabled": "test_a_market_is_used_only_where_it_is_enabled",
    "sync_interval": "test_a_market_has_an_interval_of_its_own",
}
"""Settings whose tests run for every market. Keys and addresses are the adapter's: each has a line above."""
EFFECTS = {f"{name}_{part}": test for name in PROVIDERS for part, test in OF_EACH_MARKET.items()} | EFFECTS
"""Setting -> the test in this folder that changes it."""


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Every test function of this folder with its source."""
    found = {}
    for file in HERE.glob("test_*.py"):
        text = file.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[node.name] = ast.get_source_segment(text, node) or ""
    return found


def example() -> dict[str, str]:
    """The names of `.env.example` with what stands behind the sign."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def test_every_setting_is_listed_with_a_test():
    assert set(EFFECTS) == set(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_the_test_of_a_setting_exists_and_changes_it(name, sources):
    source = sources.get(EFFECTS[name])

    assert source is not None, f"{EFFECTS[name]} is not in {HERE.name}/"
    _, _, part = name.partition("_")
    assert name in source.lower() or f"{{name}}_{part}" in source, f"{EFFECTS[name]} never mentions {name}"


def test_the_example_file_names_every_setting_and_nothing_else():
    assert {name.lower() for name in example()} == set(Settings.model_fields)


def test_the_example_file_says_the_defaults():
    assert load_settings(ROOT / ".env.example") == load_settings(None)
