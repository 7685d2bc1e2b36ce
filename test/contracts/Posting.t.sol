// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    IAccessControlDefaultAdminRules as IAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {newPool} from "./support/Pool.sol";
import {RebasingToken, Token} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

contract PostingTest is DistributorTest {
    bytes32 private constant ROOT = keccak256("root");

    function refuse(IRewardsDistributor.EpochRecord memory record, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(POSTER);
        distributor.postEpoch(record, new bytes[](0));
    }

    function test_GivenAZeroAddress_WhenDeployed_ItReverts() external {
        vm.expectRevert(abi.encodeWithSelector(IAdminRules.AccessControlInvalidDefaultAdmin.selector, address(0)));
        newPool(address(0), 0, POSTER, GUARDIAN, DELAY);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.ZeroAddress.selector));
        newPool(ADMIN, 0, address(0), GUARDIAN, DELAY);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.ZeroAddress.selector));
        newPool(ADMIN, 0, POSTER, address(0), DELAY);
    }

    function test_WhenDeployed_RolesAndDelaysAreThoseGiven() external view {
        yes(distributor.hasRole(distributor.POSTER(), POSTER));
        yes(distributor.hasRole(distributor.GUARDIAN(), GUARDIAN));
        yes(!distributor.hasRole(distributor.POSTER(), ADMIN));
        eq(distributor.defaultAdmin(), ADMIN);
        eq(distributor.defaultAdminDelay(), 2 days);
        eq(distributor.activationDelay(), DELAY);
        eq(distributor.latestEpoch(), 0);
        eq(distributor.head(), bytes32(0));
        eq(distributor.assetList().length, 0);
        eq(distributor.attestationQuorum(), 0);
        eq(distributor.MAX_PAUSE(), 7 days);
        eq(distributor.SEND_GAS(), 100_000);
        (, string memory name, string memory version, uint256 chain, address self,,) = distributor.eip712Domain();
        eq(keccak256(bytes(name)), keccak256("Payroot"));
        eq(keccak256(bytes(version)), keccak256("1"));
        eq(chain, block.chainid);
        eq(self, address(distributor));
    }

    function test_GivenTheNextRecord_WhenPosted_ItStandsAndWaits() external {
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, 100);
        bytes32 hash = distributor.hashRecord(record);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.EpochPosted(1, hash, block.timestamp + DELAY, record);
        vm.prank(POSTER);
        eq(distributor.postEpoch(record, new bytes[](0)), block.timestamp + DELAY);
        eq(distributor.latestEpoch(), 1);
        eq(distributor.head(), hash);
        (bytes32 root, uint40 activatesAt, bytes27 id) = distributor.epochs(1);
        eq(root, record.root);
        eq(activatesAt, block.timestamp + DELAY);
        eq(bytes32(id), bytes32(bytes27(hash)));
        (uint104 allocated, uint104 claimed, uint40 pausedUntil, bool listed) = distributor.assets(ETH);
        eq(allocated, 100);
        eq(uint256(claimed) + pausedUntil, 0);
        yes(listed);
        eq(distributor.assetList().length, 1);
        eq(distributor.assetList()[0], ETH);
    }

    function test_GivenEthSentAlong_WhenPosted_ItCounts() external {
        vm.deal(POSTER, 100);
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, 100);
        vm.prank(POSTER);
        distributor.postEpoch{value: 100}(record, new bytes[](0));
        eq(address(distributor).balance, 100);
    }

    function test_GivenAnyoneElse_WhenPosting_ItReverts() external {
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, 0);
        bytes32 role = distributor.POSTER();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, ADMIN, role)
        );
        vm.prank(ADMIN);
        distributor.postEpoch(record, new bytes[](0));
    }

    function test_GivenAnotherNumber_WhenPosted_ItReverts() external {
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, 100);
        record.epoch = 0;
        refuse(record, abi.encodeWithSelector(IRewardsDistributor.UnexpectedEpoch.selector, 0, 1));
        record.epoch = 2;
        refuse(record, abi.encodeWithSelector(IRewardsDistributor.UnexpectedEpoch.selector, 2, 1));
        record.epoch = 1;
        post(record);
        // A second post of the same record, whoever sends it.
        refuse(record, abi.encodeWithSelector(IRewardsDistributor.UnexpectedEpoch.selector, 1, 2));
    }

    function test_GivenAnotherPrevious_WhenPosted_ItReverts() external {
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, 100);
        record.previous = bytes32(uint256(1));
        refuse(record, abi.encodeWithSelector(IRewardsDistributor.UnexpectedPrevious.selector, 1, 0));
        record.previous = 0;
        post(record);
        record.epoch = 2;
        refuse(record, abi.encodeWithSelector(IRewardsDistributor.UnexpectedPrevious.selector, 0, distributor.head()));
    }

    function test_ZeroRoot() external {
        vm.deal(address(distributor), 100);
        refuse(recordOf(0, ETH, 100), abi.encodeWithSelector(IRewardsDistributor.ZeroRoot.selector));
    }

    function test_GivenTotalsOutOfOrder_WhenPosted_ItReverts() external {
        Token low = new Token();
        vm.deal(address(distributor), 100);
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, 50);
        bytes4 selector = IRewardsDistributor.TotalsNotAscending.selector;
        refuse(withTotal(record, ETH, 50), abi.encodeWithSelector(selector, ETH, ETH));
        low.mint(address(distributor), 1);
        record = recordOf(ROOT, address(low), 1);
        refuse(withTotal(record, ETH, 50), abi.encodeWithSelector(selector, ETH, address(low)));
    }

    function test_TotalsOmittingAnAsset() external {
        Token token = new Token();
        token.mint(address(distributor), 5);
        vm.deal(address(distributor), 100);
        post(withTotal(recordOf(ROOT, ETH, 50), address(token), 5));
        bytes4 selector = IRewardsDistributor.TotalsOmitAsset.selector;
        refuse(recordOf(ROOT, ETH, 50), abi.encodeWithSelector(selector, 1, 2));
        refuse(recordOf(ROOT, address(token), 5), abi.encodeWithSelector(selector, 1, 2));
        Token other = new Token();
        other.mint(address(distributor), 5);
        refuse(recordOf(ROOT, address(other), 5), abi.encodeWithSelector(selector, 0, 2));
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, 50);
        record.totals = new IRewardsDistributor.AssetTotal[](0);
        refuse(record, abi.encodeWithSelector(selector, 0, 2));
    }

    function test_RegressionBetweenEpochs() external {
        vm.deal(address(distributor), 100);
        post(recordOf(ROOT, ETH, 50));
        refuse(recordOf(ROOT, ETH, 49), abi.encodeWithSelector(IRewardsDistributor.TotalTooLow.selector, ETH, 49, 50));
        post(recordOf(ROOT, ETH, 50));
        eq(allocatedOf(ETH), 50);
    }

    function test_GivenANewAssetWithNothing_WhenPosted_ItReverts() external {
        refuse(recordOf(ROOT, ETH, 0), abi.encodeWithSelector(IRewardsDistributor.TotalTooLow.selector, ETH, 0, 1));
    }

    function test_GivenTheLimitOfTheBooks_WhenPosted_ItStandsAndNoWeiMore() external {
        uint256 most = type(uint96).max;
        vm.deal(address(distributor), most + 1);
        bytes4 selector = IRewardsDistributor.TotalTooHigh.selector;
        refuse(recordOf(ROOT, ETH, most + 1), abi.encodeWithSelector(selector, ETH, most + 1, most));
        post(recordOf(ROOT, ETH, most));
        eq(allocatedOf(ETH), most);
        Token token = new Token();
        most = type(uint104).max;
        token.mint(address(distributor), type(uint256).max);
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, ETH, type(uint96).max);
        bytes memory reason = abi.encodeWithSelector(selector, address(token), most + 1, most);
        refuse(withTotal(record, address(token), most + 1), reason);
        record = recordOf(ROOT, ETH, type(uint96).max);
        post(withTotal(record, address(token), most));
        eq(allocatedOf(address(token)), most);
    }

    function test_GivenLessHeldThanOwed_WhenPosted_ItReverts() external {
        vm.deal(address(distributor), 99);
        bytes4 selector = IRewardsDistributor.Insolvent.selector;
        refuse(recordOf(ROOT, ETH, 100), abi.encodeWithSelector(selector, ETH, 100, 99));
        Token token = new Token();
        token.mint(address(distributor), 7);
        bytes memory reason = abi.encodeWithSelector(selector, address(token), 8, 7);
        refuse(recordOf(ROOT, address(token), 8), reason);
    }

    function test_GivenClaimsPaid_WhenPosted_OnlyTheRestMustBeHeld() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        uint256 epoch = postActive(leaves);
        claimAll(epoch, leaves);
        eq(address(distributor).balance, 0);
        post(recordOf(ROOT, ETH, 300));
        bytes4 selector = IRewardsDistributor.Insolvent.selector;
        refuse(recordOf(ROOT, ETH, 301), abi.encodeWithSelector(selector, ETH, 1, 0));
    }

    function test_GivenATokenThatShrank_WhenPosted_ItRevertsUntilMadeGood() external {
        RebasingToken token = new RebasingToken();
        token.mint(address(distributor), 100);
        post(recordOf(ROOT, address(token), 100));
        token.rebase(90);
        bytes memory reason = abi.encodeWithSelector(IRewardsDistributor.Insolvent.selector, address(token), 100, 90);
        refuse(recordOf(ROOT, address(token), 100), reason);
        token.mint(address(distributor), 20);
        post(recordOf(ROOT, address(token), 100));
    }

    function test_GivenAnAssetWithoutCode_WhenPosted_ItReverts() external {
        IRewardsDistributor.EpochRecord memory record = recordOf(ROOT, address(0x1234), 1);
        vm.expectRevert();
        vm.prank(POSTER);
        distributor.postEpoch(record, new bytes[](0));
    }

    function test_GivenSeveralWaiting_WhenOneIsPosted_NoClockIsReset() external {
        vm.deal(address(distributor), 100);
        for (uint256 i; i < 3; ++i) {
            vm.warp(START + i * 1 hours);
            post(recordOf(ROOT, ETH, 50 + i));
        }
        for (uint256 i; i < 3; ++i) {
            (, uint40 activatesAt,) = distributor.epochs(i + 1);
            eq(activatesAt, START + i * 1 hours + DELAY);
        }
        eq(distributor.assetList().length, 1);
    }
}
